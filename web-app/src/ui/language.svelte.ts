// The language that the page speaks. `t` in a template says it anew when the language changes.

import { languageOf, translator, type Language, type Translate } from "../i18n/index.ts";

/** What the texts are, for the browser: who reads them aloud has to know. */
const TAGS: Readonly<Record<Language, string>> = { en: "en", es: "es", pt: "pt-BR" };

let language: Language = $state(languageOf(navigator.languages));

export const t: Translate = translator(() => language, navigator.languages);

/** From now on this language; null is the browser's. */
export function speak(chosen: Language | null): void {
  language = chosen ?? languageOf(navigator.languages);
  document.documentElement.lang = TAGS[language];
}
