import { readdirSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { ago, bitrate, clock, dateTime, duration, number } from "../src/i18n/format.ts";
import {
  languageOf,
  phrases,
  translator,
  type Language,
  type Phrase,
  type Text,
} from "../src/i18n/index.ts";

const LANGUAGES = ["en", "es", "pt"] as const;
const DIR = new URL("../src/i18n/phrases/", import.meta.url);

describe("a phrase", () => {
  const table = phrases({
    hello: { en: "Hello {name}", es: "Hola {name}", pt: "Olá {name}" },
    calls: {
      en: { zero: "No calls", one: "{count} call", other: "{count} calls" },
      es: { zero: "Ninguna llamada", one: "{count} llamada", other: "{count} llamadas" },
      pt: { zero: "Nenhuma chamada", one: "{count} chamada", other: "{count} chamadas" },
    },
  });

  it("is said in the language of the moment", () => {
    let language: Language = "en";
    const t = translator(() => language);
    expect(t(table.hello, { name: "Ann" })).toBe("Hello Ann");
    language = "pt";
    expect(t(table.hello, { name: "{name}" })).toBe("Olá {name}");
    expect(t.language).toBe("pt");
  });

  it("counts, as the language counts", () => {
    const said = (language: Language) =>
      [0, 1, 2, 1_000_000].map((count) => translator(() => language)(table.calls, { count }));
    expect(said("en")).toEqual(["No calls", "1 call", "2 calls", "1,000,000 calls"]);
    expect(said("es")).toEqual([
      "Ninguna llamada",
      "1 llamada",
      "2 llamadas",
      "1.000.000 llamadas",
    ]);
    expect(said("pt")[2]).toBe("2 chamadas");
  });
});

describe("the language", () => {
  it.each([
    [["es-AR", "en"], "es"],
    [["de-DE", "pt"], "pt"],
    [["PT-br"], "pt"],
    [["estonian", "de"], "en"],
    [[], "en"],
  ] as const)("of a browser that prefers %j is %s", (preferred, language) => {
    expect(languageOf(preferred)).toBe(language);
  });

  it("writes dates as they are written where the browser is", () => {
    const t = translator(() => "es", ["en-US", "es-AR"]);
    expect(t.locale).toBe("es-AR");
    expect(translator(() => "pt", ["en-US"]).locale).toBe("pt");
  });
});

describe("formats", () => {
  const t = (language: Language) => translator(() => language);
  const all = (format: (language: Language) => string) => LANGUAGES.map(format);

  it("write figures, times and lengths in each language", () => {
    expect(all((one) => number(t(one), 12.345, 1))).toEqual(["12.3", "12,3", "12,3"]);
    expect(all((one) => bitrate(t(one), 2_140_000))).toEqual([
      "2.1 Mbit/s",
      "2,1 Mbit/s",
      "2,1 Mbit/s",
    ]);
    expect(all((one) => bitrate(t(one), 64_400))).toEqual(Array(3).fill("64 kbit/s"));
    expect(all((one) => duration(t(one), 3_725_000))).toEqual([
      "1 hr 2 min 5 sec",
      "1 h 2 min 5 s",
      "1 h 2 min 5 s",
    ]);
    expect(duration(t("en"), 400)).toBe("0 sec");
    const time = new Date(2026, 4, 3, 14, 5).toISOString();
    expect(all((one) => dateTime(t(one), time))).toEqual([
      expect.stringContaining("May 3, 2026"),
      expect.stringContaining("3 may 2026"),
      expect.stringContaining("3 de mai. de 2026"),
    ]);
  });

  it("say how long ago something was", () => {
    const now = Date.parse("2026-05-03T12:00:00Z");
    const said = (time: string) => all((one) => ago(t(one), time, now));
    expect(said("2026-05-03T11:55:00Z")).toEqual([
      "5 minutes ago",
      "hace 5 minutos",
      "há 5 minutos",
    ]);
    expect(said("2026-05-02T12:00:00Z")).toEqual(["yesterday", "ayer", "ontem"]);
    expect(said("2026-05-03T12:00:09Z")).toEqual(["now", "ahora", "agora"]);
  });

  it("let a clock run", () => {
    expect([0, 65_400, 3_725_999].map(clock)).toEqual(["0:00", "1:05", "1:02:05"]);
  });
});

describe("the phrases", () => {
  it("have the same parameters in all languages, and say something in each", async () => {
    const faults: string[] = [];
    for (const file of readdirSync(DIR)) {
      const tables = (await import(new URL(file, DIR).href)) as Record<string, Table>;
      for (const [table, entries] of Object.entries(tables)) {
        for (const [key, phrase] of Object.entries(entries)) {
          const fault = faultOf(phrase);
          if (fault) faults.push(`${file} ${table}.${key}: ${fault}`);
        }
      }
    }
    expect(faults).toEqual([]);
  });
});

type Table = Readonly<Record<string, Phrase>>;

function faultOf(phrase: Phrase): string | null {
  const names = LANGUAGES.map((language) => parameters(phrase[language]).join());
  if (new Set(names).size > 1) return `parameters ${names.join(" / ")}`;
  const empty = LANGUAGES.filter((language) =>
    forms(phrase[language]).some((text) => !text.trim()),
  );
  return empty.length > 0 ? `nothing in ${empty.join()}` : null;
}

function parameters(text: Text): string[] {
  const names = forms(text).flatMap((form) =>
    [...form.matchAll(/\{(\w+)\}/g)].map(([, name]) => name),
  );
  return [...new Set(names as string[])].sort();
}

function forms(text: Text): string[] {
  return typeof text === "string" ? [text] : Object.values(text);
}
