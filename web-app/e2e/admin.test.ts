// Whoever runs the server does so in the page, and what is done there holds.

import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Locator, Page } from "playwright-core";
import { test } from "vitest";
import { frames, House, offered, openPage, PERMIT } from "./harness.ts";

const PASSWORD = "correct horse battery";

test.concurrent("an admin cuts a viewer, who is told so, and may come back", async () => {
  await using house = await open();
  await house.manage("account add bob", `${PASSWORD}\n`);
  await house.producer("door", "test:ball", await house.device("door"));
  const browser = await house.browser(PERMIT);
  const { page: bob } = await openPage(browser, house.url);
  await logIn(bob, "bob");
  await bob.locator(offered("door")).click();
  await frames(bob, 10);

  const ann = await admin(house, browser);
  await ann.getByRole("button", { name: "Connected" }).click();
  const viewing = row(ann, "bob watches door");
  await viewing.waitFor();
  await row(ann, "door", "sends").waitFor();
  await viewing.getByRole("button", { name: "Cut bob" }).click();

  await bob.getByRole("alert").getByText("An admin closed your connection").waitFor();
  await bob.locator("video[aria-label='Live picture of door']").waitFor({ state: "detached" });
  await ann.getByText("Nobody watches anybody.").waitFor();
  await bob.getByRole("button", { name: "Try now" }).click();
  await bob.locator(offered("door")).click();
  await frames(bob, 10);
});

test.concurrent(
  "accounts, tokens and rights are made in the page, and hold at once",
  async ({ expect }) => {
    await using house = await open();
    const browser = await house.browser(PERMIT);
    const ann = await admin(house, browser);

    await add(ann, "Device", "gate");
    await ann.getByRole("textbox", { name: "What it is for" }).fill("the one at the gate");
    await ann.getByRole("button", { name: "Make a token" }).click();
    const token = await ann.getByRole("textbox", { name: "New token" }).inputValue();
    const file = join(house.dir, "gate.token");
    await writeFile(file, token, { mode: 0o600 });
    const gate = await house.producer("gate", "test:ball", file);

    await add(ann, "User", "carol");
    const { page: carol } = await openPage(browser, house.url);
    await logIn(carol, "carol");
    await carol.locator(offered("gate")).click();
    await frames(carol, 10);

    // Who may watch no more sees it end; whom nobody may see is not there.
    const rights = await manage(ann, "gate");
    await rights.getByRole("combobox", { name: "Watch: who" }).selectOption("Only these");
    await rights.getByRole("checkbox", { name: "ann" }).check();
    await save(rights);
    await carol.getByRole("alert").getByText("The server said no").waitFor();
    await rights.getByRole("combobox", { name: "See: who" }).selectOption("Nobody");
    await save(rights);
    await carol.locator("button[data-peer]").waitFor({ state: "detached" });
    expect(await house.manage("rights show gate")).toMatch(/see\s+nobody\s+watch\s+ann/);

    await ann.reload();
    const again = await manage(ann, "gate");
    await again.getByText("Token: the one at the gate").waitFor();
    expect(await ann.content()).not.toContain(token);
    await again.getByRole("button", { name: "Revoke Token: the one at the gate" }).click();
    await again.getByText("Nothing is logged in as this account.").waitFor();
    expect(await gate.exited).not.toBe(0);

    const hers = await manage(ann, "carol");
    await hers.getByRole("button", { name: "Remove this account" }).click();
    await ann.getByRole("dialog").getByRole("button", { name: "Cancel" }).click();
    await carol.getByText("Connected", { exact: true }).waitFor();
    await hers.getByRole("button", { name: "Remove this account" }).click();
    await ann.getByRole("dialog").getByRole("button", { name: "Remove", exact: true }).click();
    await carol.getByRole("alert").getByText("You were logged out").waitFor();
    await ann.getByRole("button", { name: "Manage carol" }).waitFor({ state: "detached" });

    await ann.getByRole("button", { name: "What happened" }).click();
    const answer = await hold(ann, /\/api\/audit\?.*account=gate/);
    await ann.getByRole("combobox", { name: "Account" }).selectOption("gate");
    // Until it is known what happened to it, nothing else is shown in its place.
    await ann.locator("tbody").waitFor({ state: "detached" });
    answer();
    await expect
      .poll(() => ann.locator("tbody tr td:nth-child(3)").allInnerTexts())
      .toEqual(
        expect.arrayContaining(["Revoke token", "Change rights", "Make token", "Add account"]),
      );
    expect(await ann.getByRole("cell", { name: "Remove account" }).count()).toBe(0);
  },
);

test.concurrent("the audit goes back page by page", async ({ expect }) => {
  await using house = await open();
  const ann = await admin(house, await house.browser());
  const made = await ann.evaluate(async () => {
    const post = (): Promise<Response> =>
      fetch("/api/invites", {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: "{}",
      });
    for (let count = 0; count < 60; count += 1) if (!(await post()).ok) return count;
    return 60;
  });
  expect(made).toBe(60);
  await ann.getByRole("button", { name: "What happened" }).click();
  const rows = ann.locator("tbody tr");
  await expect.poll(() => rows.count()).toBe(50);
  await ann.getByRole("button", { name: "Show earlier entries" }).click();
  await ann.getByRole("cell", { name: "Add account" }).waitFor();
  // The invitations, the login, and the account itself.
  expect(await rows.count()).toBe(62);
});

test.concurrent(
  "an invitation makes one account, and the last admin stays one",
  async ({ expect }) => {
    await using house = await open("--registration", "invite");
    const browser = await house.browser();
    const ann = await admin(house, browser);
    await ann.getByRole("button", { name: "Invite somebody" }).click();
    const invitation = await ann.getByRole("textbox", { name: "Invitation" }).inputValue();
    const { page: dora } = await openPage(browser, house.url);
    await dora.getByRole("button", { name: "Make an account" }).click();
    await dora.getByLabel("Name").fill("dora");
    await dora.getByLabel("Password").fill(PASSWORD);
    await dora.getByLabel("Invitation").fill(invitation);
    await dora.keyboard.press("Enter");
    await dora.getByText("Connected", { exact: true }).waitFor();

    const own = await manage(ann, "ann");
    const kind = own.getByRole("combobox", { name: "Kind" });
    await kind.selectOption("User");
    await own.getByRole("alert").getByText("This is the only admin").waitFor();
    await expect.poll(() => kind.inputValue()).toBe("admin");

    await ann.reload();
    const hers = await manage(ann, "dora");
    await hers.getByRole("combobox", { name: "Kind" }).selectOption("Admin");
    await hers.getByText("Saved.").first().waitFor();
    await dora.reload();
    await dora.getByRole("link", { name: "Admin" }).click();
    await dora.getByRole("button", { name: "Manage ann" }).waitFor();
  },
);

test.concurrent(
  "whoever is no admin gets nothing of it, neither from the page nor from the API",
  async ({ expect }) => {
    await using house = await open();
    await house.manage("account add bob", `${PASSWORD}\n`);
    const { page, trace } = await openPage(await house.browser(), house.url);
    await logIn(page, "bob");
    await page.goto(`${house.url}#admin`);
    await page.getByText("Connected", { exact: true }).waitFor();
    expect(await page.getByRole("link", { name: "Admin" }).count()).toBe(0);
    expect(await page.getByRole("heading", { name: "Admin" }).count()).toBe(0);
    expect(trace.requests.filter((url) => /Admin/.test(url))).toEqual([]);
    const paths = ["accounts", "accounts/ann", "audit", "connections", "accounts/bob/tokens"];
    const statuses = await page.evaluate(
      (all) => Promise.all(all.map(async (path) => (await fetch(`/api/${path}`)).status)),
      paths,
    );
    expect(statuses).toEqual(paths.map(() => 403));
  },
);

/** A house with an admin `ann`. */
async function open(...flags: string[]): Promise<House> {
  const house = await House.open("deny", ...flags);
  await house.manage("account add ann --kind admin", `${PASSWORD}\n`);
  return house;
}

/** Ann at the admin page. */
async function admin(house: House, browser: Awaited<ReturnType<House["browser"]>>): Promise<Page> {
  const { page } = await openPage(browser, house.url);
  await logIn(page, "ann");
  await page.getByRole("link", { name: "Admin" }).click();
  await page.getByRole("button", { name: "Manage ann" }).waitFor();
  return page;
}

async function logIn(page: Page, name: string): Promise<void> {
  await page.getByLabel("Name").fill(name);
  await page.getByLabel("Password").fill(PASSWORD);
  await page.keyboard.press("Enter");
  await page.getByText("Connected", { exact: true }).waitFor();
}

async function add(page: Page, kind: "User" | "Device", name: string): Promise<void> {
  await page.getByRole("button", { name: "Add an account" }).click();
  const form = page.getByRole("form", { name: "Add an account" });
  await form.getByRole("combobox", { name: "Kind" }).selectOption(kind);
  await form.getByRole("textbox", { name: "Name" }).fill(name);
  if (kind === "User") await form.getByLabel("Password").fill(PASSWORD);
  await form.getByRole("button", { name: "Add an account" }).click();
  await page.getByRole("button", { name: `Manage ${name}` }).waitFor();
}

/** What can be done with an account, which is shown then. */
async function manage(page: Page, name: string): Promise<Locator> {
  const button = page.getByRole("button", { name: `Manage ${name}` });
  await button.waitFor();
  if ((await button.getAttribute("aria-expanded")) !== "true") await button.click();
  return page.getByRole("listitem").filter({ has: button });
}

async function save(rights: Locator): Promise<void> {
  await rights.locator("form", { hasText: "Watch" }).getByRole("button", { name: "Save" }).click();
  await rights.locator("form", { hasText: "Watch" }).getByText("Saved.").waitFor();
}

/** Keeps such requests back until what is returned is called. */
async function hold(page: Page, url: RegExp): Promise<() => void> {
  let release = (): void => undefined;
  const held = new Promise<void>((resolve) => (release = resolve));
  await page.route(url, async (route) => {
    await held;
    await route.continue();
  });
  return () => release();
}

function row(page: Page, ...texts: string[]): Locator {
  return texts.reduce((rows, text) => rows.filter({ hasText: text }), page.getByRole("listitem"));
}
