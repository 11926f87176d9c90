// Starts the page. The signalling server is the one that the page came from.

import { mount } from "svelte";
import App from "./ui/App.svelte";
import { Store } from "./ui/store.svelte.ts";
import "./ui/app.css";

const url = new URL("/ws", location.href);
url.protocol = location.protocol === "https:" ? "wss:" : "ws:";

const target = document.getElementById("app");
if (!target) throw new Error("index.html lacks #app");

const store = new Store(url.href);
mount(App, { target, props: { store } });
store.intercom.start();
// Only for the page that says that the server is away: it keeps nothing of the app.
void navigator.serviceWorker?.register("/sw.js", { updateViaCache: "none" }).catch(() => undefined);
