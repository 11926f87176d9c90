// RoomRTC's manual check list, step by step: register, log in, see who is there, ring, accept, see
// each other, look at the figures, hang up; and its rules about who is available, busy and gone.

import { expect, test } from "vitest";
import { House, PERMIT } from "./harness.ts";
import { Person } from "./people.ts";

test("what RoomRTC's testers did by hand", async () => {
  await using house = await House.open("deny", "--registration", "open");
  const browser = await house.browser(PERMIT);
  const ann = await Person.register(house, browser, "ann");
  const bob = await Person.register(house, browser, "bob");
  const eve = await Person.register(house, browser, "eve");
  const status = async (name: string): Promise<string> =>
    (await eve.page.getByRole("listitem").filter({ hasText: name }).innerText())
      .split("\n")
      .slice(-1)
      .join();

  // Who logs off is not there; who comes back is.
  await bob.press("Log out");
  await expect.poll(() => status("bob")).toBe("Offline");
  expect(await ann.page.getByRole("button", { name: "Call bob" }).count()).toBe(0);
  await bob.logIn();
  await expect.poll(() => status("bob")).toBe("Available");

  // Ringing makes both busy, and a refusal frees them.
  await ann.call("bob");
  await bob.rungBy("ann");
  await expect.poll(() => status("ann")).toBe("In a call");
  await expect.poll(() => status("bob")).toBe("In a call");
  expect(await eve.page.getByRole("button", { name: /^Call / }).count()).toBe(0);
  await bob.press("Refuse");
  await ann.sees("bob did not take the call");
  await ann.press("Back");
  await expect.poll(() => status("ann")).toBe("Available");

  // Picture and sound both ways, with figures.
  await ann.call("bob");
  await bob.rungBy("ann");
  await bob.press("Accept");
  await Promise.all([ann.seesMotion(), bob.seesMotion()]);
  await Promise.all([ann.hears(), bob.hears()]);
  for (const { page } of [ann, bob]) {
    await page.getByRole("button", { name: "Quality" }).click();
    // What comes in, and what goes out.
    await expect.poll(() => page.locator("dl").count()).toBe(2);
    for (const list of await page.locator("dl").all()) {
      const figure = (name: string): Promise<string> =>
        list.locator(`div:has(dt:text-is("${name}")) dd`).innerText();
      await expect.poll(() => figure("Bit rate")).toMatch(/^[1-9]/);
      expect(await figure("Loss")).toMatch(/^[\d.]+ %$/);
      expect(await figure("Jitter")).toMatch(/^\d+ ms$/);
    }
    await page.getByText("Stable").waitFor();
  }

  // Either side hangs up, and both are free.
  await bob.press("Hang up");
  await ann.sees("Call ended");
  await bob.sees("You talked for");
  await ann.press("Back");
  await expect.poll(() => status("ann")).toBe("Available");
  await expect.poll(() => status("bob")).toBe("Available");

  // A client that disappears ends the call of the other.
  await bob.press("Call again");
  await ann.rungBy("bob");
  await ann.press("Accept");
  await bob.seesMotion();
  await ann.page.close();
  await bob.sees("Call ended");
  await expect.poll(() => status("ann")).toBe("Offline");
});
