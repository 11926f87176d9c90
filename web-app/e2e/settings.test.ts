// What is set in the page is so at once, and still is at the next visit.

import type { Page } from "playwright-core";
import { test } from "vitest";
import { fits } from "./access.ts";
import { frames, House, offered, openPage, PERMIT } from "./harness.ts";
import { leaks } from "./secrets.ts";

const PASSWORD = "correct horse battery";

test.concurrent(
  "the language is the browser's, and then the one that is chosen",
  async ({ expect }) => {
    await using house = await open();
    const browser = await house.browser();
    const { page, trace } = await openPage(browser, house.url, { locale: "es-AR" });
    const heading = (name: string) => page.getByRole("heading", { name }).waitFor();
    await heading("Iniciar sesión");
    expect(await lang(page)).toBe("es");
    await page.getByLabel("Nombre").fill("ann");
    await page.getByLabel("Contraseña").fill("no es esta");
    await page.keyboard.press("Enter");
    await page.getByRole("alert").getByText("El nombre o la contraseña no son correctos").waitFor();
    await fits(page);

    await page.getByRole("combobox", { name: "Idioma" }).selectOption("Português");
    await page.getByRole("alert").getByText("Nome ou senha incorretos").waitFor();
    expect(await lang(page)).toBe("pt-BR");
    await page.getByLabel("Senha").fill(PASSWORD);
    await page.keyboard.press("Enter");
    await page.getByText("Conectado", { exact: true }).waitFor();
    await page.getByRole("status").filter({ hasText: "Conectado ao servidor" }).waitFor();
    await page.reload();
    await page.getByText("Conectado", { exact: true }).waitFor();
    await page.getByRole("link", { name: "Ajustes" }).click();
    await heading("Onde você entrou");
    await fits(page);

    await page.getByRole("combobox", { name: "Idioma" }).selectOption("English");
    await heading("Where you are logged in");
    expect(await lang(page)).toBe("en");
    await page.getByRole("combobox", { name: "Language" }).selectOption("As the browser: Español");
    await heading("Dónde tienes sesión");
    expect(trace.errors.filter((text) => !text.includes("401"))).toEqual([]);
  },
);

test.concurrent("a chosen theme is there before the page is", async ({ expect }) => {
  await using house = await open();
  const { page } = await openPage(await house.browser(), house.url);
  await logIn(page);
  await expect.poll(() => background(page)).toBe("rgb(245, 245, 242)");
  await page.getByRole("link", { name: "Settings" }).click();
  await page.getByRole("radio", { name: "Dark" }).check();
  await expect.poll(() => background(page)).toBe("rgb(17, 20, 19)");
  await fits(page);
  const shades = page.locator("meta[name=theme-color]");
  await expect
    .poll(() => shades.evaluateAll((all) => all.map((one) => (one as HTMLMetaElement).media)))
    .toEqual(["not all", "all"]);
  // Without the app's own script: what is painted first.
  await page.context().route("**/assets/*.js", (route) => route.abort());
  await page.reload();
  expect(await page.locator("h1").count()).toBe(0);
  await expect.poll(() => background(page)).toBe("rgb(17, 20, 19)");
});

test.concurrent(
  "devices are chosen and tried out, and what is watched is heard where one wants",
  async ({ expect }) => {
    await using house = await open();
    await house.producer("door", "test:ball", await house.device("door"));
    const { page } = await openPage(await house.browser(PERMIT), `${house.url}#settings`);
    await logIn(page);
    const camera = page.getByRole("combobox", { name: "Camera" });
    await page.getByRole("button", { name: "Test camera and microphone" }).click();
    const preview = page.locator("video[aria-label='Preview of your camera']");
    await expect
      .poll(() => preview.evaluate((one) => (one as HTMLVideoElement).videoWidth))
      .toBe(1280);
    const level = page.getByRole("meter");
    await expect
      .poll(() => level.evaluate((one) => (one as HTMLMeterElement).value))
      .toBeGreaterThan(0.1);
    await camera.selectOption("fake_device_0");
    await page.getByRole("combobox", { name: "Microphone" }).selectOption("No microphone");
    await level.waitFor({ state: "detached" });
    await page.getByRole("combobox", { name: "Speaker" }).selectOption("Fake Audio Output 1");
    const speaker = await page.getByRole("combobox", { name: "Speaker" }).inputValue();
    const live = await preview.evaluateHandle((one) => (one as HTMLVideoElement).srcObject);

    await page.getByRole("link", { name: "Home" }).click();
    await expect
      .poll(() => live.evaluate((one) => (one as MediaStream).getTracks()[0]?.readyState))
      .toBe("ended");
    await page.locator(offered("door")).click();
    await frames(page, 5);
    const sink = page.locator("video[aria-label^='Live']");
    await expect.poll(() => sink.evaluate((one) => (one as HTMLVideoElement).sinkId)).toBe(speaker);
    await page.reload();
    await page.getByRole("link", { name: "Settings" }).click();
    await expect.poll(() => camera.inputValue()).not.toBe("");
    await expect
      .poll(() => page.getByRole("combobox", { name: "Microphone" }).inputValue())
      .toBe("none");
    await expect
      .poll(() => page.getByRole("combobox", { name: "Speaker" }).inputValue())
      .toBe(speaker);
  },
);

test.concurrent(
  "one ends other sessions and changes the password, and the others are told",
  async ({ expect }) => {
    await using house = await open();
    const browser = await house.browser();
    const [{ page: here, trace }, { page: phone }, { page: tablet }] = (await Promise.all(
      [1, 2, 3].map(() => openPage(browser, house.url)),
    )) as [Opened, Opened, Opened];
    for (const page of [here, phone, tablet]) await logIn(page);
    await here.getByRole("link", { name: "Settings" }).click();
    const end = here.getByRole("button", { name: /^End the session of/ });
    await expect.poll(() => end.count()).toBe(2);
    // The latest first; the one that asks has no button.
    await end.first().click();
    await expect.poll(() => end.count()).toBe(1);
    const out = (page: Page): Promise<boolean> =>
      page.getByRole("alert").getByText("You were logged out").isVisible();
    await expect
      .poll(async () => (await Promise.all([phone, tablet].map(out))).filter(Boolean).length)
      .toBe(1);

    const change = async (old: string, chosen: string, again: string): Promise<void> => {
      await here.getByLabel("Old password").fill(old);
      await here.getByLabel("New password", { exact: true }).fill(chosen);
      await here.getByLabel("New password again").fill(again);
      await here.getByRole("button", { name: "Change password" }).click();
    };
    await change(PASSWORD, "quite another one", "quite another two");
    await here.getByText("The two new passwords are not the same.").waitFor();
    await change("not this one", "quite another one", "quite another one");
    await here.getByRole("alert").getByText("The old password is wrong.").waitFor();
    await change(PASSWORD, "quite another one", "quite another one");
    await here.getByText("Changed. All other sessions have ended.").waitFor();
    await expect
      .poll(async () => (await Promise.all([phone, tablet].map(out))).every(Boolean))
      .toBe(true);
    const [cookie] = await here.context().cookies();
    const secrets = [PASSWORD, "quite another one", `${cookie?.value}`];
    expect(await leaks(here, trace, secrets)).toEqual([]);
    await logIn(phone, "quite another one");
    await here.getByText("Connected", { exact: true }).waitFor();
  },
);

test.concurrent(
  "one says what others may do, and whether a call is heard and shown",
  async ({ expect }) => {
    await using house = await open();
    await house.manage("account add bob", `${PASSWORD}\n`);
    const { page } = await openPage(await house.browser(), `${house.url}#settings`);
    await logIn(page);
    const form = page.locator("form", { hasText: "Watch" });
    await form.getByRole("combobox", { name: "Watch: who" }).selectOption("Only these");
    await form.getByRole("checkbox", { name: "bob" }).check();
    await form.getByRole("combobox", { name: "Call: who" }).selectOption("Nobody");
    await form.getByRole("button", { name: "Save" }).click();
    await form.getByText("Saved.").waitFor();
    expect(await house.manage("rights show ann")).toMatch(
      /watch\s+bob\s+talk\s+nobody\s+call\s+nobody/,
    );

    const ringtone = page.getByRole("checkbox", { name: "Play a ringtone" });
    expect(await ringtone.isChecked()).toBe(true);
    await ringtone.uncheck();
    await page.context().grantPermissions(["notifications"]);
    await page.reload();
    await page.getByText("Notifications are on.").waitFor();
    expect(await ringtone.isChecked()).toBe(false);
    // The list of accounts and that of the rights come as they may.
    await expect.poll(() => form.getByRole("checkbox", { name: "bob" }).isChecked()).toBe(true);
  },
);

test.concurrent("a guest has settings, too, of this browser alone", async ({ expect }) => {
  await using house = await House.open("watch");
  const { page, trace } = await openPage(await house.browser(), house.url);
  await page.getByRole("link", { name: "Settings" }).click();
  await page.getByRole("heading", { name: "Language and looks" }).waitFor();
  expect(await page.getByRole("heading", { level: 3 }).count()).toBe(2);
  await fits(page);
  expect(trace.errors).toEqual([]);
});

type Opened = Awaited<ReturnType<typeof openPage>>;

/** A house with an account `ann`. */
async function open(): Promise<House> {
  const house = await House.open("deny");
  await house.manage("account add ann", `${PASSWORD}\n`);
  return house;
}

async function logIn(page: Page, password = PASSWORD): Promise<void> {
  await page.getByLabel("Name").fill("ann");
  await page.getByLabel("Password").fill(password);
  await page.keyboard.press("Enter");
  await page.getByText("Connected", { exact: true }).waitFor();
}

async function lang(page: Page): Promise<string> {
  return page.evaluate(() => document.documentElement.lang);
}

async function background(page: Page): Promise<string> {
  return page.evaluate(() => getComputedStyle(document.body).backgroundColor);
}
