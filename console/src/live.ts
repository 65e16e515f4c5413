// Asking again and again, as long as somebody can see the answer. It works wherever HTTP does.
import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import { signal } from "@preact/signals";
import { sentence } from "./api";

export interface Live<T> {
  /** As it was last answered. None before the first answer. */
  data: T | undefined;
  /** Why the last try failed, in words; "" if it did not. `data` is older then. */
  error: string;
  /** Unix time in ms of the last answer; 0 before the first one. */
  at: number;
  again: () => void;
}

interface Kept<T> {
  of: string;
  data: T | undefined;
  error: string;
  at: number;
}

/**
 * `of` is what the answer is of: with another one, what was there is of no use. With another `since` it is asked
 * again, and stays until the answer is there. `seconds` is the pause between two tries, 0 for only one.
 */
export function useLive<T>(load: () => Promise<T>, seconds: number, of: unknown[] = [], since: unknown[] = []): Live<T> {
  const name = JSON.stringify(of);
  const none: Kept<T> = { of: name, data: undefined, error: "", at: 0 };
  const [kept, setKept] = useState(none);
  const now = useRef<() => void>(() => undefined);
  useEffect(() => {
    let stopped = false;
    let timer = 0;
    let busy = false;
    let isWanted = false; // once more, for what is under way may not know of what was just done
    const run = async () => {
      clearTimeout(timer);
      if (stopped) return;
      if (busy) {
        isWanted = true;
        return;
      }
      busy = true;
      try {
        if (!document.hidden) {
          const data = await load();
          if (!stopped) setKept({ of: name, data, error: "", at: Date.now() });
        }
      } catch (problem) {
        if (!stopped) setKept((before) => ({ ...(before.of === name ? before : none), error: sentence(problem) }));
      }
      busy = false;
      if (stopped) return;
      if (isWanted) {
        isWanted = false;
        void run();
      } else if (seconds > 0) timer = window.setTimeout(run, seconds * 1000);
    };
    now.current = () => void run();
    void run();
    const seen = () => !document.hidden && void run();
    document.addEventListener("visibilitychange", seen);
    addEventListener("online", seen);
    return () => {
      stopped = true;
      clearTimeout(timer);
      document.removeEventListener("visibilitychange", seen);
      removeEventListener("online", seen);
    };
  }, [name, seconds, JSON.stringify(since)]);
  const { data, error, at } = kept.of === name ? kept : none;
  return { data, error, at, again: useCallback(() => now.current(), []) };
}

/** Several as one: what failed of them, how old the oldest of these is, and all of them again. */
export function together(parts: Live<unknown>[]): Live<undefined> {
  const failing = parts.filter((one) => one.error);
  return {
    data: undefined,
    error: failing[0]?.error ?? "",
    at: failing.length ? Math.min(...failing.map((one) => one.at)) : 0,
    again: () => parts.forEach((one) => one.again()),
  };
}

/** What somebody types, when the typing has stopped for a moment. */
export function useSettled<T>(value: T, milliseconds = 500): T {
  const [settled, setSettled] = useState(value);
  useEffect(() => {
    const timer = setTimeout(() => setSettled(value), milliseconds);
    return () => clearTimeout(timer);
  }, [value, milliseconds]);
  return settled;
}

/** Unix time in ms, a few times a second while something counts down by it. */
export const clock = signal(Date.now());
let users = 0;
let ticking = 0;

export function useClock(wanted: boolean): number {
  useEffect(() => {
    if (!wanted) return;
    if (users++ === 0) ticking = window.setInterval(() => (clock.value = Date.now()), 200);
    clock.value = Date.now();
    return () => {
      if (--users === 0) clearInterval(ticking);
    };
  }, [wanted]);
  return wanted ? clock.value : Date.now();
}
