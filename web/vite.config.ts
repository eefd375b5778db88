import tailwindcss from "@tailwindcss/vite";
import react from "@vitejs/plugin-react";
import { fileURLToPath } from "node:url";
import { defineConfig, type Plugin } from "vite";

const server = process.env.ROUNDHOUSE_URL ?? "http://127.0.0.1:8000";

/** Every browser that runs the console reads woff2: the older copies of each KaTeX font stay out of the wheel. */
function woff2Only(): Plugin {
  return {
    name: "woff2-only",
    enforce: "pre",
    transform(code, id) {
      if (!id.includes("katex") || !id.endsWith(".css")) return null;
      return code.replace(/,url\([^)]+\.(woff|ttf)\) format\("(woff|truetype)"\)/g, "");
    },
  };
}

export default defineConfig({
  base: "/console/",
  plugins: [woff2Only(), react(), tailwindcss()],
  resolve: { alias: { "@": fileURLToPath(new URL("./src", import.meta.url)) } },
  build: {
    outDir: "../src/roundhouse/ui",
    emptyOutDir: true,
    manifest: "manifest.json",
    // A data: URL is not of this origin: the console's policy refuses fonts and scripts from one.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 700,
  },
  server: {
    proxy: {
      "^/(v1|api|gateway|docs|openapi.json|livez|readyz|health|metrics|console/(me|login|logout))": {
        target: server,
        changeOrigin: true,
        ws: true,
        // The server takes writes by cookie from its own pages only; while developing, this page stands for one.
        headers: { origin: server },
      },
    },
  },
});
