import "./base.css";
import "./fleet.css";
import "./node.css";
import "uplot/dist/uPlot.min.css";
import { render } from "preact";
import { App } from "./app.tsx";
import { startRouter } from "./router.ts";

startRouter();
render(<App />, document.getElementById("app")!);
