/** Writes a price in cents the way people read it. */
export function price(cents: number): string {
  return `${(cents / 100).toFixed(2)} €`;
}
