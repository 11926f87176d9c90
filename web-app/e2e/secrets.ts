// Where a page could leave what is nobody else's: what it stores, asks for, says and complains of.

import type { Page } from "playwright-core";
import type { Trace } from "./harness.ts";

/** Whatever of it has one of these secrets in it, as it is or in an address. */
export async function leaks(page: Page, trace: Trace, secrets: string[]): Promise<string[]> {
  const kept = await page.evaluate(() =>
    JSON.stringify([localStorage, sessionStorage, document.cookie, location.href]),
  );
  const spelt = secrets.flatMap((one) => [
    one,
    encodeURIComponent(one),
    `${new URLSearchParams([["", one]])}`.slice(1),
  ]);
  const texts = [kept, ...trace.requests, ...trace.said, ...trace.errors];
  return texts.filter((text) => spelt.some((one) => text.includes(one)));
}
