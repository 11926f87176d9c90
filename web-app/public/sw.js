// The service worker. The page always comes from the server, so it is never an old one; what is
// kept here is only the page that says that the server cannot be reached, as it was at the last visit.

const CACHE = "away";
const AWAY = "/away/index.html";
const KEPT = [AWAY, "/away/away.css", "/away/away.js", "/theme.js", "/icon.svg"];

addEventListener("install", (event) => {
  skipWaiting();
  event.waitUntil(keep());
});

addEventListener("activate", (event) => event.waitUntil(clients.claim()));

addEventListener("fetch", (event) => {
  const { mode, method, url } = event.request;
  const { pathname } = new URL(url);
  if (method !== "GET") return;
  // Certificates and profiles are navigated to as well; those are the browser's own business.
  if (mode === "navigate" && pathname === "/") {
    event.respondWith(visit(event).catch(() => kept(AWAY)));
  } else if (KEPT.includes(pathname)) {
    event.respondWith(fetch(event.request).catch(() => kept(pathname)));
  }
});

addEventListener("notificationclick", (event) => {
  event.notification.close();
  event.waitUntil(show());
});

/** The server is there: what is kept is renewed, or stays as it is. */
async function visit(event) {
  const page = await fetch(event.request);
  event.waitUntil(keep().catch(() => undefined));
  return page;
}

async function keep() {
  const cache = await caches.open(CACHE);
  await cache.addAll(KEPT.map((path) => new Request(path, { cache: "no-cache" })));
}

async function kept(path) {
  return (await caches.match(path)) ?? Response.error();
}

async function show() {
  const [page] = await clients.matchAll({ type: "window" });
  return page ? page.focus() : clients.openWindow("/");
}
