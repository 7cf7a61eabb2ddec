import { Item } from "@repo/ui";
import { createRoot } from "react-dom/client";

createRoot(document.getElementById("root")!).render(<Item name="Coffee in the browser" cents={250} />);
