import type { WebAuthnAnswer } from '@primum/contract';
import {
  browserSupportsWebAuthn, startAuthentication, startRegistration, type PublicKeyCredentialCreationOptionsJSON, type PublicKeyCredentialRequestOptionsJSON,
} from '@simplewebauthn/browser';
import { ApiFailure } from './failure.ts';

/** WebAuthn needs a secure context and a name: an IP address is no relying party. */
export function passkeysWork(): boolean {
  return browserSupportsWebAuthn() && window.isSecureContext && !/^[\d.]+$|^\[/.test(location.hostname);
}

const notGiven = (): ApiFailure => new ApiFailure({ code: 'console.passkey-not-given', message: 'No passkey was given', action: 'Try again, or use another factor.' }, 0);

/** Asks the browser for one of the person's passkeys; options and answer are in WebAuthn's JSON form, which the contract leaves open. */
export async function askPasskey(options: Record<string, unknown>): Promise<WebAuthnAnswer> {
  try {
    return await startAuthentication({ optionsJSON: options as unknown as PublicKeyCredentialRequestOptionsJSON }) as unknown as WebAuthnAnswer; // the same JSON on both sides
  } catch {
    throw notGiven();
  }
}

export async function makePasskey(options: Record<string, unknown>): Promise<WebAuthnAnswer> {
  try {
    return await startRegistration({ optionsJSON: options as unknown as PublicKeyCredentialCreationOptionsJSON }) as unknown as WebAuthnAnswer; // the same JSON on both sides
  } catch {
    throw notGiven();
  }
}
