// The way in: who may come in, and that nothing of a login stays anywhere or outlives its end.

import type { Browser, Page, WebSocket } from "playwright-core";
import { expect, test } from "vitest";
import { faults, smallTargets } from "./access.ts";
import { frames, House, offered, openPage, PERMIT, type Access } from "./harness.ts";
import { leaks } from "./secrets.ts";

const PASSWORD = "correct horse battery";

test("a login by keyboard shows the door, outlives a reload, and leaves no secret behind", async () => {
  await using house = await open("deny");
  const token = await house.device("door");
  await house.producer("door", "test:ball", token);
  const { page, trace } = await openPage(await house.browser(PERMIT), house.url);
  await form(page);
  await page.keyboard.type("Ann");
  await page.keyboard.press("Tab");
  await page.keyboard.type(PASSWORD);
  await page.keyboard.press("Enter");
  await page.locator(offered("door")).click();
  await frames(page, 30, [1280, 720]);
  await page.getByText("ann", { exact: true }).waitFor();
  await page
    .getByRole("status")
    .filter({ hasText: /^Watching door$/ })
    .waitFor();

  await page.reload();
  await page.locator(offered("door")).waitFor();

  const [cookie, ...others] = await page.context().cookies();
  expect(cookie).toMatchObject({ name: "__Host-intercom", httpOnly: true, secure: true });
  expect(others).toEqual([]);
  expect(trace.said.length).toBeGreaterThan(4);
  expect(await leaks(page, trace, [PASSWORD, `${cookie?.value}`])).toEqual([]);
  // A name is no secret, and is found.
  expect(await leaks(page, trace, ["ann"])).not.toEqual([]);
  expect(trace.errors).toEqual([]);
});

test("logging out ends the WebSocket and all that was watched and sent", async () => {
  await using house = await open("deny");
  await house.producer("door", "test:ball", await house.device("door"));
  const { page } = await openPage(await house.browser(PERMIT), house.url);
  const socket = page.waitForEvent("websocket");
  await logIn(page);
  await page.locator(offered("door")).click();
  await frames(page, 10);
  await page.getByRole("button", { name: "Open preview" }).click();
  await page.getByRole("button", { name: "Go on air" }).click();
  await page.getByText("Nobody is watching yet").waitFor();
  const live = await page.evaluateHandle(() =>
    [...document.querySelectorAll("video")].flatMap(({ srcObject }) =>
      srcObject instanceof MediaStream ? srcObject.getTracks() : [],
    ),
  );
  const closed = closing(await socket);

  await page.getByRole("button", { name: "Log out" }).click();
  await closed;
  await form(page);
  await page
    .getByRole("status")
    .filter({ hasText: /^Logged out$/ })
    .waitFor();
  expect(await page.getByRole("alert").count()).toBe(0);
  await expect
    .poll(() => live.evaluate((tracks) => tracks.map(({ readyState }) => readyState)))
    .toEqual(["ended", "ended", "ended", "ended"]);
  expect(await page.context().cookies()).toEqual([]);

  await page.reload();
  await form(page);
});

test("what somebody sends is for those whom that person lets watch", async () => {
  await using house = await open("deny");
  await house.manage("account add bob", `${PASSWORD}\n`);
  const browser = await house.browser(PERMIT);
  const { page: ann } = await openPage(browser, house.url);
  await logIn(ann);
  await ann.getByRole("button", { name: "Open preview" }).click();
  await ann.getByRole("textbox", { name: "Name" }).fill("tablet");
  await ann.getByRole("button", { name: "Go on air" }).click();
  const { page: bob } = await openPage(browser, house.url);
  await logIn(bob, "bob");
  await bob.locator(offered("ann")).click();
  await bob.getByRole("alert").getByText("The server said no").waitFor();
  await house.manage("rights set ann watch bob");
  // The server follows within half a second.
  const again = bob.getByRole("button", { name: "Try again" });
  const isLive = async (): Promise<boolean> => {
    if (await again.isVisible()) await again.click();
    return bob.getByText("Live", { exact: true }).isVisible();
  };
  await expect.poll(isLive, { interval: 300 }).toBe(true);
  await frames(bob, 10);
  await ann.getByText("1 viewer is watching").waitFor();
});

test("a changed password cuts soon, and the page says why", async () => {
  await using house = await open("deny");
  const browser = await house.browser(PERMIT);
  const { page } = await openPage(browser, house.url);
  const socket = page.waitForEvent("websocket");
  await logIn(page);
  await page.getByText("Connected", { exact: true }).waitFor();
  const closed = closing(await socket);
  await house.manage("account passwd ann", "quite another one\n");
  const changed = Date.now();
  await closed;
  // A second is promised; ten of them, on a busy machine.
  expect(Date.now() - changed).toBeLessThan(10_000);
  await page.getByRole("alert").getByText("You were logged out").waitFor();
  await form(page);
  await logIn(page, "ann", "quite another one");
  await page.getByText("Connected", { exact: true }).waitFor();
});

test("a wrong password is one line, and who tries too fast sees how long to wait", async () => {
  await using house = await open("deny");
  const { page } = await openPage(await house.browser(), house.url);
  const alert = page.getByRole("alert");
  await logIn(page, "nobody", PASSWORD);
  await alert.getByText("Name or password is wrong").waitFor();
  const wait = page.getByRole("button", { name: /^Wait \d+ s$/, disabled: true });
  // Each wait is twice the one before: at some point it can be seen here.
  let waits = 0;
  for (let attempt = 0; attempt < 8 && waits === 0; attempt += 1) {
    await logIn(page, "ann", "not that one");
    await page.locator("form button:not(:text('One moment'))").waitFor();
    waits = await wait.count();
  }
  expect(waits).toBe(1);
  await alert.getByText(/takes the next one in \d+ seconds?\./).waitFor();
  await page.getByRole("button", { name: "Log in" }).and(page.locator(":enabled")).waitFor();
  await logIn(page);
  await page.getByText("Connected", { exact: true }).waitFor();
});

test("a server that is away is said to be, and the form works when it is back", async () => {
  await using house = await open("deny");
  const { page } = await openPage(await house.browser(), house.url);
  await form(page);
  await house.killSignaller();
  await logIn(page);
  await page.getByRole("alert").getByText("The server does not answer").waitFor();
  await house.startSignaller("deny");
  await page.getByRole("button", { name: "Log in" }).click();
  await page.getByText("Connected", { exact: true }).waitFor();

  await house.killSignaller();
  await page.getByText("Server unreachable").waitFor();
  await house.startSignaller("deny");
  await page.getByText("Connected", { exact: true }).waitFor();
});

test("a guest may log in, and be a guest again when the login is over", async () => {
  await using house = await open("watch");
  const { page } = await openPage(await house.browser(), house.url);
  const connected = page.getByText("Connected", { exact: true });
  await connected.waitFor();
  await page.getByRole("button", { name: "Log in" }).click();
  await form(page);
  await page.getByRole("button", { name: "Go on without a login" }).click();
  await connected.waitFor();
  await page.getByRole("button", { name: "Log in" }).click();
  await logIn(page);
  await page.getByRole("button", { name: "Log out" }).waitFor();

  await house.killSignaller();
  await house.manage("account passwd ann", "quite another one\n");
  await house.startSignaller("watch");
  await page.getByRole("alert").getByText("You were logged out").waitFor();
  await page.getByRole("button", { name: "Go on without a login" }).click();
  await connected.waitFor();
});

test("whoever has an invitation makes an account, on a phone in the dark", async () => {
  await using house = await open("deny", "--registration", "invite");
  const invite = await house.manage("invite create");
  const { page, trace } = await phone(await house.browser(), house.url);
  await page.getByRole("button", { name: "Make an account" }).click();
  await page.getByLabel("Name").fill("carol");
  await page.getByLabel("Password").fill("a long sentence");
  await page.getByLabel("Invitation").fill("ici_nothing");
  const make = page.locator("form").getByRole("button");
  await make.click();
  await page.getByRole("alert").getByText("The server did not take that").waitFor();
  expect(await faults(page)).toEqual([]);
  expect(await smallTargets(page)).toEqual([]);
  expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(390);
  await page.getByLabel("Invitation").fill(invite);
  await make.click();
  await page.getByText("Connected", { exact: true }).waitFor();
  await page.getByText("carol", { exact: true }).waitFor();
  await expect
    .poll(() => page.evaluate(() => document.activeElement?.textContent))
    .toBe("People and devices");
  expect(await faults(page)).toEqual([]);
  const [cookie] = await page.context().cookies();
  const secrets = ["a long sentence", invite, `${cookie?.value}`];
  expect(await leaks(page, trace, secrets)).toEqual([]);
});

/** A house with an account `ann`. */
async function open(anonymous: Access, ...flags: string[]): Promise<House> {
  const house = await House.open(anonymous, ...flags);
  await house.manage("account add ann", `${PASSWORD}\n`);
  return house;
}

async function phone(browser: Browser, url: string): ReturnType<typeof openPage> {
  return openPage(browser, url, { viewport: { width: 390, height: 844 }, colorScheme: "dark" });
}

/** Waits for the form, with the focus where one begins to type. */
async function form(page: Page): Promise<void> {
  await page.locator("input[name=username]:focus").waitFor();
}

async function logIn(page: Page, name = "ann", password = PASSWORD): Promise<void> {
  await page.getByLabel("Name").fill(name);
  await page.getByLabel("Password").fill(password);
  await page.keyboard.press("Enter");
}

async function closing(socket: WebSocket): Promise<void> {
  if (!socket.isClosed()) await socket.waitForEvent("close");
}
