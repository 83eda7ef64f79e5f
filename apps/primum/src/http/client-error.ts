import type { Socket } from 'node:net';
import { fhirPath } from '@primum/trust';
import { outcome } from './fhir/outcome.ts';
import { apiError } from './send-error.ts';

type ClientError = Error & { code?: string; rawPacket?: unknown };

const statuses: Readonly<Record<string, string>> = { HPE_HEADER_OVERFLOW: '431 Request Header Fields Too Large', ERR_HTTP_REQUEST_TIMEOUT: '408 Request Timeout' };

/** Answers what Node could not read as a request (RFC 9112; RFC 6585, section 5): coded, without a word of what was sent. */
export function answerClientError(error: ClientError, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
    return;
  }
  const code = 'api.request-invalid';
  const said = apiError(code);
  const fhir = Buffer.isBuffer(error.rawPacket) && error.rawPacket.subarray(0, 64).toString('latin1').split(' ')[1]?.startsWith(fhirPath) === true;
  const body = JSON.stringify(fhir ? outcome(code, said.message) : said);
  socket.end(`HTTP/1.1 ${statuses[error.code ?? ''] ?? '400 Bad Request'}\r\nContent-Type: application/${fhir ? 'fhir+' : ''}json; charset=utf-8\r\nContent-Length: ${Buffer.byteLength(body)}\r\nCache-Control: no-store\r\nConnection: close\r\n\r\n${body}`);
}
