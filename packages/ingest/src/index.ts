export { listenMllp, type MllpDeps, type MllpListener, type MllpOptions } from './mllp/listen-mllp.ts';
export { connectMllp, type MllpClient, type MllpClientOptions } from './mllp/connect-mllp.ts';
