//! Tells the plugin its commit and its date.

fn main() {
    gst_plugin_version_helper::info();
}
