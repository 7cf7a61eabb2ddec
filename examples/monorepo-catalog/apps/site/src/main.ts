import { wait } from "@repo/phrases";

document.getElementById("text")!.textContent = `On this page it is ${wait("2025-02-27", "2025-03-01")}.`;
