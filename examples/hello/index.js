const { createElement } = require("react");
const { renderToStaticMarkup } = require("react-dom/server");

console.log(renderToStaticMarkup(createElement("h1", null, "Hello from a node_modules that deka built")));
