// Light or dark: as the system is, or as somebody has chosen. The colours are in app.css, and
// public/theme.js chooses before anything is painted.

import type { Theme } from "../lib/settings.ts";

export function paint(theme: Theme): void {
  const root = document.documentElement;
  if (theme === "system") delete root.dataset["theme"];
  else root.dataset["theme"] = theme;
  for (const meta of document.querySelectorAll<HTMLMetaElement>("meta[name=theme-color]")) {
    meta.media = mediaOf(meta.dataset["theme"] ?? "", theme);
  }
}

/** When the browser is to surround the page with the colour of `own`. */
function mediaOf(own: string, theme: Theme): string {
  if (theme === "system") return `(prefers-color-scheme: ${own})`;
  return theme === own ? "all" : "not all";
}
