// Runs before the first paint, so that a page that is wanted dark never flashes.
import { applyTheme, storedTheme } from "./theme.ts";

applyTheme(storedTheme());
