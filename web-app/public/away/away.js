// Says it in the user's language, and goes on as soon as the server answers.

const EVERY_MS = 5000;

function language() {
  try {
    const chosen = JSON.parse(localStorage.getItem("intercom.settings"))?.language;
    if (chosen) return chosen;
  } catch {
    // What cannot be read was not chosen.
  }
  const spoken = navigator.languages.map((tag) => tag.slice(0, 2).toLowerCase());
  return spoken.find((tag) => ["en", "es", "pt"].includes(tag)) ?? "en";
}

async function look() {
  const signal = AbortSignal.timeout(EVERY_MS);
  const answer = await fetch("/healthz", { cache: "no-store", signal }).catch(() => null);
  if (answer?.ok) location.reload();
}

for (const section of document.querySelectorAll("section")) {
  section.hidden = !section.lang.startsWith(language());
  if (!section.hidden) document.documentElement.lang = section.lang;
  section.querySelector("button").addEventListener("click", () => location.reload());
}
addEventListener("online", look);
setInterval(look, EVERY_MS);
