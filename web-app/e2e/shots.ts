// Pictures of the screens for docs/guide, made only by `npm run screenshot`.

import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import type { Locator, Page } from "playwright-core";

const DIR = process.env["INTERCOM_SCREENSHOTS"];

export const isShooting = DIR !== undefined;

export const SIZES = {
  phone: { width: 390, height: 844 },
  desktop: { width: 1280, height: 800 },
} as const;

export type Size = keyof typeof SIZES;

/** Keeps what the page shows as NAME-SIZE.jpg: from its beginning, or where `at` is seen. */
export async function shot(page: Page, name: string, size: Size, at?: Locator): Promise<void> {
  if (DIR === undefined) return;
  await mkdir(DIR, { recursive: true });
  await page.evaluate(() => {
    // A focus ring would be all that one sees.
    if (document.activeElement instanceof HTMLElement) document.activeElement.blur();
    window.scrollTo(0, 0);
  });
  await at?.scrollIntoViewIfNeeded();
  const path = join(DIR, `${name}-${size}.jpg`);
  await page.screenshot({ path, type: "jpeg", quality: 82, scale: "css" });
}
