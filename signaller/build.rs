//! Builds again when the web app was built again.

use std::path::Path;

fn main() {
    let web_app = Path::new("../web-app");
    if web_app.is_dir() {
        // Cargo takes a missing path for a changed one, and would build the server each time.
        let _ = std::fs::create_dir_all(web_app.join("dist"));
    }
    println!("cargo::rerun-if-changed=../web-app/dist");
    println!("cargo::rerun-if-changed=build.rs");
}
