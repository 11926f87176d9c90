// Who there is: accounts that one may see, and what each has on air. Pure.

import { peerName, type Listed } from "./messages.ts";

export type Kind = "user" | "device" | "admin";
export type Status = "disconnected" | "available" | "busy";

/** An account, as the server tells it. */
export interface AccountInfo {
  readonly name: string;
  readonly kind: Kind;
  readonly label: string | null;
  readonly status: Status;
  /** Something of it could answer a call. */
  readonly callable: boolean;
}

/** Something on air. */
export interface OnAir {
  readonly peerId: string;
  readonly name: string;
  readonly video: boolean;
  readonly audio: boolean;
}

export interface Entry extends AccountInfo {
  readonly onAir: readonly OnAir[];
}

/** By label, or name. What guests or the own account have on air belongs to none of them. */
export function roster(
  accounts: readonly AccountInfo[],
  producers: readonly Listed[] | null,
): Entry[] {
  const shown = ({ label, name }: AccountInfo): string => label ?? name;
  return [...accounts]
    .sort((a, b) => shown(a).localeCompare(shown(b)) || a.name.localeCompare(b.name))
    .map((account) => ({
      ...account,
      onAir: (producers ?? []).filter((peer) => peer.account === account.name).map(onAir),
    }));
}

/** What is only sent into a call is for nobody else. */
export function isOnAir({ meta }: Listed): boolean {
  return meta["call"] !== true;
}

export function onAir(producer: Listed): OnAir {
  const { id, meta } = producer;
  return {
    peerId: id,
    name: peerName(producer),
    video: meta["video"] !== false,
    audio: meta["audio"] !== false,
  };
}

/** What a producer is called: as its account is, if that has nothing else on air. */
export function shownName(
  entries: readonly Entry[] | null,
  { peerId, name }: { readonly peerId: string; readonly name: string },
): string {
  const owner = entries?.find(({ onAir }) => onAir.some((one) => one.peerId === peerId));
  return owner?.onAir.length === 1 ? (owner.label ?? name) : name;
}
