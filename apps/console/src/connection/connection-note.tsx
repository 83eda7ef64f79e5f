import { useConnection } from './connection-provider.tsx';

/** For pages that have no ward's clock: says that the page isn't fed any more. */
export function ConnectionNote() {
  if (useConnection().status !== 'lost') return null;
  return <div role="alert"><strong>Connection lost — what is shown is not the latest.</strong> Trying again.</div>;
}
