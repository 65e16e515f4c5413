// Asking again and again, as long as somebody can see the answer. It works wherever HTTP does.
import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import { signal } from "@preact/signals";

export interface Live<T> {
  data: T | undefined;
  error: string;
  again: () => void;
}

export function useLive<T>(load: () => Promise<T>, seconds: number, depends: unknown[] = []): Live<T> {
  const [data, setData] = useState<T>();
  const [error, setError] = useState("");
  const now = useRef<() => void>(() => undefined);
  useEffect(() => {
    let stopped = false;
    let timer = 0;
    let busy = false;
    const run = async () => {
      clearTimeout(timer);
      if (busy || stopped) return;
      busy = true;
      try {
        if (!document.hidden) {
          const found = await load();
          if (!stopped) {
            setData(found);
            setError("");
          }
        }
      } catch (problem) {
        if (!stopped) setError(problem instanceof Error ? problem.message : String(problem));
      }
      busy = false;
      if (!stopped && seconds > 0) timer = window.setTimeout(run, seconds * 1000);
    };
    now.current = () => void run();
    void run();
    const seen = () => !document.hidden && void run();
    document.addEventListener("visibilitychange", seen);
    return () => {
      stopped = true;
      clearTimeout(timer);
      document.removeEventListener("visibilitychange", seen);
    };
  }, depends);
  return { data, error, again: useCallback(() => now.current(), []) };
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
