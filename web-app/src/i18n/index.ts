// What is said in which language: phrases with parameters and plurals, typed, so that a missing
// translation or parameter does not compile. Pure; the phrases themselves are in phrases/.

export type Language = "en" | "es" | "pt";

/** `{name}` stands for a parameter; of a plural, `{count}` decides. */
export type Text = string | Plural;

export interface Plural {
  /** Instead of `other` for none at all. */
  readonly zero?: string;
  readonly one: string;
  readonly other: string;
}

export type Phrase = Readonly<Record<Language, Text>>;

/** Says a phrase in the language of the moment. */
export interface Translate {
  <P extends Phrase>(phrase: P, ...params: Params<P>): string;
  readonly language: Language;
  /** For what Intl writes: the language, as it is written where the user is. */
  readonly locale: string;
}

/** The languages by their own names. */
export const LANGUAGES: Readonly<Record<Language, string>> = {
  en: "English",
  es: "Español",
  pt: "Português",
};

type Value = string | number;
type Params<P extends Phrase> = [Names<P["en"]>] extends [never]
  ? []
  : [params: { readonly [N in Names<P["en"]>]: N extends "count" ? number : Value }];
type Names<T extends Text> = T extends string
  ? Placeholder<T>
  : { [F in keyof T]-?: Placeholder<T[F]> }[keyof T];
type Placeholder<S> = S extends `${string}{${infer Name}}${infer Rest}`
  ? Name | Placeholder<Rest>
  : never;

/** A table of phrases, each in all languages. */
export function phrases<const T extends Readonly<Record<string, Phrase>>>(table: T): T {
  return table;
}

/** What speaks the language that `language` says at that moment. */
export function translator(language: () => Language, preferred: readonly string[] = []): Translate {
  const t = (phrase: Phrase, params: Readonly<Record<string, Value>> = {}): string => {
    const text = phrase[language()];
    const locale = localeOf(language(), preferred);
    return fill(
      typeof text === "string" ? text : plural(text, locale, params["count"]),
      locale,
      params,
    );
  };
  return Object.defineProperties(t, {
    language: { get: language },
    locale: { get: () => localeOf(language(), preferred) },
  }) as Translate;
}

/** The first of the browser's languages that is spoken here; English if none is. */
export function languageOf(preferred: readonly string[]): Language {
  for (const tag of preferred) {
    const language = tag.toLowerCase().split("-")[0];
    if (isLanguage(language)) return language;
  }
  return "en";
}

export function isLanguage(value: unknown): value is Language {
  return typeof value === "string" && Object.hasOwn(LANGUAGES, value);
}

function localeOf(language: Language, preferred: readonly string[]): string {
  return preferred.find((tag) => tag.toLowerCase().split("-")[0] === language) ?? language;
}

function plural({ zero, one, other }: Plural, locale: string, count: Value | undefined): string {
  const number = Number(count);
  if (number === 0 && zero !== undefined) return zero;
  return new Intl.PluralRules(locale).select(number) === "one" ? one : other;
}

function fill(text: string, locale: string, params: Readonly<Record<string, Value>>): string {
  return text.replaceAll(/\{(\w+)\}/g, (_all, name: string) => {
    const value = params[name] ?? "";
    return typeof value === "number" ? value.toLocaleString(locale) : value;
  });
}
