// The socket between API server and plugin: both mount its directory, at the same path.
import { posix } from 'node:path';
import { propError } from '../prop-error';

/** Directories that hold more than a socket, and that nobody wants mounted into two pods. */
const shared = ['/', '/etc', '/opt', '/run', '/tmp', '/usr', '/var', '/var/lib', '/var/run'];

/** The directory of a `unix:///path` endpoint. Throws for a socket that cannot be mounted. */
export function socketDirectory(subject: string, endpoint: string): string {
  const path = endpoint.startsWith('unix://') ? endpoint.slice('unix://'.length) : endpoint;
  const fault = (allowed: string, remedy: string) =>
    propError({ prop: `${subject}.endpoint`, got: JSON.stringify(endpoint), allowed, remedy, rule: 'trap 13' });
  if (/^\/?@/.test(path)) {
    throw fault('unix:///path', 'An abstract socket has no owner and no mode: whoever shares the network may connect');
  }
  if (!posix.isAbsolute(path) || posix.normalize(path) !== path) {
    throw fault('unix:///path', 'Name the absolute path of the socket, without "." and ".."');
  }
  const directory = posix.dirname(path);
  if (shared.includes(directory)) {
    throw fault('a path in a directory of its own', `${directory} would be mounted: use /var/run/kmsplugin/kms.sock`);
  }
  return directory;
}
