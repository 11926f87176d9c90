// Whether everybody can use a page: what axe-core finds, and what a finger cannot hit.

import { createRequire } from "node:module";
import type { Page } from "playwright-core";
import { expect } from "vitest";
import { readText } from "./harness.ts";

/** What axe-core finds, as one line each. Colours are judged as they stay: nothing fades meanwhile. */
export async function faults(page: Page): Promise<string[]> {
  await page.evaluate(
    await readText(createRequire(import.meta.url).resolve("axe-core/axe.min.js")),
  );
  return page.evaluate(async () => {
    const { axe } = window as unknown as { axe: { run(): Promise<AxeResults> } };
    const still = new CSSStyleSheet();
    still.replaceSync("*, ::before, ::after { transition: none !important }");
    document.adoptedStyleSheets.push(still);
    const { violations } = await axe.run();
    document.adoptedStyleSheets = document.adoptedStyleSheets.filter((one) => one !== still);
    return violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(" ")}`);
  });
}

interface AxeResults {
  violations: { id: string; nodes: { html: string }[] }[];
}

/** What is smaller than a finger. */
export async function smallTargets(page: Page): Promise<string[]> {
  return page.evaluate(() => {
    const targets = [...document.querySelectorAll<HTMLElement>("button, select, input")];
    return targets
      .map((element) => {
        // A box to tick is hit by its words, too.
        const whole = element.matches("[type=checkbox]") ? element.closest("label") : null;
        return { element, box: (whole ?? element).getBoundingClientRect() };
      })
      .filter(({ box }) => box.width > 0 && (box.height < 44 || box.width < 44))
      .map(({ element }) => element.outerHTML);
  });
}

/** Nothing that axe finds, that a finger misses, or that sticks out. */
export async function fits(page: Page): Promise<void> {
  expect(await faults(page)).toEqual([]);
  expect(await smallTargets(page)).toEqual([]);
  const excess = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  expect(excess).toBeLessThanOrEqual(0);
}
