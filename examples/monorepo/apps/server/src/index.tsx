import { price } from "@repo/format";
import { Item } from "@repo/ui";
import { renderToStaticMarkup } from "react-dom/server";

console.log(renderToStaticMarkup(<Item name="Coffee from the server" cents={250} />));
console.log(`In all: ${price(250)}`);
