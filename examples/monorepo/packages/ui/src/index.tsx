import { price } from "@repo/format";

/** A line of a bill. */
export function Item({ name, cents }: { name: string; cents: number }) {
  return (
    <li>
      {name}: {price(cents)}
    </li>
  );
}
