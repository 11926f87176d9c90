// RoomRTC's manual check list, step by step: register, log in, see who is there, ring, accept, see
// each other, look at the figures, hang up; and its rules about who is available, busy and gone. Then
// the program itself, which somebody still has.

import { expect, test } from "vitest";
import { fits } from "./access.ts";
import { House, PERMIT } from "./harness.ts";
import { LineProgram } from "./line-program.ts";
import { PASSWORD, Person } from "./people.ts";

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
  await ann.page.getByRole("button", { name: "Call bob" }).waitFor({ state: "detached" });
  await bob.logIn();
  await expect.poll(() => status("bob")).toBe("Available");

  // Ringing makes both busy, and a refusal frees them.
  await ann.call("bob");
  await bob.rungBy("ann");
  await expect.poll(() => status("ann")).toBe("In a call");
  await expect.poll(() => status("bob")).toBe("In a call");
  await expect.poll(() => eve.page.getByRole("button", { name: /^Call / }).count()).toBe(0);
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
      await expect.poll(() => figure("Round trip")).toMatch(/^\d+ ms$/);
      await expect.poll(() => figure("Frames")).toMatch(/^[1-9]\d* fps$/);
      // The course of each over some seconds.
      const courses = list.locator("svg path.line");
      expect(await courses.count()).toBe(5);
      const shortest = async (): Promise<number> =>
        Math.min(...(await courses.evaluateAll(lengths)));
      await expect.poll(shortest).toBeGreaterThan(20);
    }
    const picture = page.getByText(/^\d{3,4} × \d{3,4} · (VP8|VP9|H264|AV1)$/);
    await expect.poll(() => picture.count()).toBe(2);
    await page.getByText("Stable", { exact: true }).waitFor();
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

test("somebody with the old program is there, rings and is rung; and both hear what keeps them apart", async () => {
  await using house = await House.open("deny", "--roomrtc", "127.0.0.1:0");
  const port = await house.portOf("roomrtc");
  const ann = await Person.of(house, await house.browser(PERMIT), "ann");
  await house.manage("account add bob", `${PASSWORD}\n`);
  const bob = ann.page.getByRole("listitem").filter({ hasText: "bob" });
  await bob.getByText("Offline").waitFor();
  using program = await LineProgram.logIn(port, "bob");
  await bob.getByText("Available").waitFor();

  // The page rings.
  await ann.call("bob");
  await program.hears("INCOMING_CALL|from:ann|sdp:v=0");
  await ann.sees("Ringing…");
  program.say("CALL_ANSWER|to:ann|accept:true|sdp:v=0");
  await program.hears("ERROR|error:your program and the one of ann cannot");
  await program.hears("CALL_ENDED|from:ann");
  await apart(ann);
  await fits(ann.page);
  await ann.press("Back");
  await bob.getByText("Available").waitFor();

  // The program rings.
  program.say("CALL_OFFER|to:ann|sdp:v=0|srtp_key:c2VjcmV0");
  await ann.rungBy("bob");
  await ann.press("Accept");
  await program.hears("CALL_ERROR|error:your program and the one of ann cannot");
  await program.hears("CALL_ENDED|from:ann");
  await apart(ann);
  await ann.press("Back");
  expect(await ann.page.getByText("Missed call from bob").count()).toBe(0);
  await ann.page.getByRole("link", { name: "Calls" }).click();
  await expect.poll(() => ann.page.getByRole("listitem").getByText("Failed").count()).toBe(2);

  // What needs no picture works.
  await ann.page.getByRole("link", { name: "Home" }).click();
  await ann.call("bob");
  await program.hears("INCOMING_CALL|from:ann");
  program.say("CALL_REJECT|to:ann");
  await ann.sees("bob did not take the call");
  expect(ann.trace.errors).toEqual([]);
});

/** Runs in the page: how much is drawn of each. */
function lengths(paths: Element[]): number[] {
  return paths.map((path) => path.getAttribute("d")?.length ?? 0);
}

async function apart(person: Person): Promise<void> {
  await person.sees("The two programs cannot talk to each other");
  await person.sees("Ask bob to open this page in a browser");
}
