import { between } from "@repo/days";

/** Says how long it is from one day to another. */
export function wait(first: string, last: string): string {
  const days = between(first, last);
  return days === 1 ? "one day" : `${days} days`;
}
