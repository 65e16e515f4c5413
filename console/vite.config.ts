import { defineConfig } from "vite";

// Into the package of the function that serves it. Files have their content's hash in their names.
export default defineConfig({
  base: "/console/",
  build: {
    outDir: "../functions/console/static",
    emptyOutDir: true,
    target: "es2022",
    assetsInlineLimit: 0, // the content policy knows files only
    modulePreload: { polyfill: false },
  },
});
