import { setNonce } from "get-nonce";

/**
 * The nonce with which a style element of ours passes the page's policy; "" while developing.
 *
 * For libraries that bring their styles along as elements (wavesurfer's `cspNonce`, radix-ui's `nonce`).
 */
export const STYLE_NONCE =
  document.querySelector<HTMLMetaElement>('meta[name="style-nonce"]')?.content.replace("%STYLE_NONCE%", "") ?? "";

// Radix's scroll lock asks get-nonce.
if (STYLE_NONCE) setNonce(STYLE_NONCE);
