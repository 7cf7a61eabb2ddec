import { differenceInCalendarDays, parseISO } from "date-fns";

/** Returns how many days lie between two days, given as `2025-01-31`. */
export function between(first: string, last: string): number {
  return differenceInCalendarDays(parseISO(last), parseISO(first));
}
