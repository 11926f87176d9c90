// The page as an app: small, strict, installable, never an old one, and clear when it is cut off.

import { get } from "node:https";
import type { IncomingHttpHeaders } from "node:http";
import type { Page } from "playwright-core";
import { test } from "vitest";
import { faults } from "./access.ts";
import { House, openPage, readText } from "./harness.ts";

const FIRST_LOAD = 150 * 1024;

test.concurrent(
  "the first load is small, asks nobody else, and breaks no policy",
  async ({ expect }) => {
    await using house = await House.open();
    const browser = await house.browser();
    const context = await browser.newContext();
    const page = await context.newPage();
    const violations: string[] = [];
    page.on("console", ({ text }) => {
      if (/policy/i.test(text())) violations.push(text());
    });
    const loaded = await traffic(page);
    await page.goto(house.url);
    await page.getByText("Connected", { exact: true }).waitFor();
    await page.evaluate(() => navigator.serviceWorker.ready.then(() => undefined));
    const all = [...loaded.values()];
    const bytes = all.reduce((sum, one) => sum + one.bytes, 0);
    console.info(`first load: ${(bytes / 1024).toFixed(1)} KiB in ${all.length} requests`);
    expect(all.map(({ url }) => url)).toContain(house.url);
    expect(bytes).toBeGreaterThan(20 * 1024);
    expect(bytes).toBeLessThanOrEqual(FIRST_LOAD);
    for (const { url } of all) expect(new URL(url).origin).toBe(new URL(house.url).origin);
    expect(violations).toEqual([]);
  },
);

test.concurrent(
  "files that are named after their content stay, and everything else is asked for",
  async ({ expect }) => {
    await using house = await House.open();
    const ca = await readText(house.ca);
    const headers = (path: string): Promise<IncomingHttpHeaders> =>
      head(ca, new URL(path, house.url));
    const index = await headers("/");
    expect(index["content-encoding"]).toBe("br");
    expect(index["content-security-policy"]).toMatch(
      /default-src 'none'; script-src 'self'; style-src 'self';/,
    );
    expect(index["content-security-policy"]).not.toContain("unsafe");
    for (const path of ["/", "/sw.js", "/theme.js", "/manifest.webmanifest", "/away/index.html"]) {
      expect((await headers(path))["cache-control"], path).toBe("no-cache");
    }
    expect((await headers("/manifest.webmanifest"))["content-type"]).toBe(
      "application/manifest+json",
    );
    const browser = await house.browser();
    const { page } = await openPage(browser, house.url);
    const script = await page.locator("script[type=module]").getAttribute("src");
    const kept = await headers(`${script}`);
    expect(kept).toMatchObject({
      "cache-control": "public, max-age=31536000, immutable",
      "content-encoding": "br",
      vary: "Accept-Encoding",
    });
  },
);

test.concurrent("Chromium would install it", async ({ expect }) => {
  await using house = await House.open();
  const { page } = await openPage(await house.browser(), house.url);
  await page.evaluate(() => navigator.serviceWorker.ready.then(() => undefined));
  const session = await page.context().newCDPSession(page);
  const { url, errors, data } = await session.send("Page.getAppManifest");
  expect(url).toBe(new URL("/manifest.webmanifest", house.url).href);
  expect(errors).toEqual([]);
  expect(JSON.parse(data ?? "")).toMatchObject({ start_url: "/", display: "standalone" });
  const missing = async (): Promise<string[]> => {
    const { installabilityErrors } = await session.send("Page.getInstallabilityErrors");
    // A context of a test is a private window, in which nothing can be installed.
    const errorIds = installabilityErrors.map(({ errorId }) => errorId);
    return errorIds.filter((id) => id !== "in-incognito");
  };
  await expect.poll(missing).toEqual([]);
});

test.concurrent(
  "without a server it says so in the reader's language, and goes on by itself",
  async ({ expect }) => {
    await using house = await House.open();
    const browser = await house.browser();
    const readers = [
      { locale: "en-GB", title: "The server cannot be reached", lang: "en" },
      { locale: "es-AR", title: "No se puede acceder al servidor", lang: "es" },
      { locale: "pt-BR", title: "Não foi possível acessar o servidor", lang: "pt-BR" },
    ];
    const pages = await Promise.all(
      readers.map(async (reader) => {
        const opened = await openPage(browser, house.url, { locale: reader.locale });
        await opened.page.evaluate(() => navigator.serviceWorker.ready.then(() => undefined));
        return { ...reader, ...opened };
      }),
    );
    await house.killSignaller();
    for (const { page, trace, title, lang } of pages) {
      await page.reload();
      await page.getByRole("heading", { name: title }).waitFor();
      expect(await page.evaluate(() => document.documentElement.lang)).toBe(lang);
      expect(await page.locator("h1:visible").count()).toBe(1);
      expect(await faults(page)).toEqual([]);
      expect(trace.errors.filter((text) => text.includes("policy"))).toEqual([]);
    }
    await house.startSignaller();
    await Promise.all(pages.map(({ page }) => page.locator("#app h1").waitFor()));
  },
);

test.concurrent(
  "what is kept for then is as the server had it at the last visit",
  async ({ expect }) => {
    await using house = await House.open();
    const { page } = await openPage(await house.browser(), house.url);
    await page.evaluate(ageKept);
    await page.reload();
    const renewed = async (): Promise<number> => {
      const kept = await page.evaluate(readKept);
      return kept.filter((text) => text !== "old").length;
    };
    await expect.poll(renewed).toBeGreaterThan(4);
  },
);

/** Runs in the page: all that the service worker keeps is from an earlier server. */
async function ageKept(): Promise<void> {
  await navigator.serviceWorker.ready;
  const cache = await caches.open("away");
  for (const request of await cache.keys()) await cache.put(request, new Response("old"));
}

/** Runs in the page. */
async function readKept(): Promise<string[]> {
  const cache = await caches.open("away");
  const all = await cache.matchAll();
  return Promise.all(all.map((response) => response.text()));
}

/** What a page loads from now on, as it comes over the wire. */
async function traffic(page: Page): Promise<Map<string, { url: string; bytes: number }>> {
  const session = await page.context().newCDPSession(page);
  const seen = new Map<string, { url: string; bytes: number }>();
  session.on("Network.requestWillBeSent", ({ requestId, request }) => {
    seen.set(requestId, { url: request.url, bytes: 0 });
  });
  session.on("Network.loadingFinished", ({ requestId, encodedDataLength }) => {
    const one = seen.get(requestId);
    if (one) one.bytes = encodedDataLength;
  });
  await session.send("Network.enable");
  return seen;
}

function head(ca: string, url: URL): Promise<IncomingHttpHeaders> {
  return new Promise((resolve, reject) => {
    get(url, { ca, headers: { "accept-encoding": "gzip, br" } }, (response) => {
      response.resume();
      response.on("end", () => {
        if (response.statusCode === 200) resolve(response.headers);
        else reject(new Error(`${url.pathname}: ${response.statusCode}`));
      });
    }).on("error", reject);
  });
}
