import { between } from "@repo/days";
import { wait } from "@repo/phrases";

const [first = "2025-02-27", last = "2025-03-01"] = process.argv.slice(2);
console.log(`From ${first} to ${last} it is ${wait(first, last)} (${between(first, last)}).`);
