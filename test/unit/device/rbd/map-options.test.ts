import { parseMapOptions } from '../../../../runtime/device/rbd/map-options';

test.each([
  [undefined, [], []],
  ['', [], []],
  ['queue_depth=64,noshare', ['queue_depth=64', 'noshare'], []],
  [
    'krbd:read_from_replica=localize;nbd:io-timeout=5,exclusive',
    ['read_from_replica=localize'],
    ['io-timeout=5', 'exclusive'],
  ],
  [' a , b ; nbd:c ; krbd:d', ['a', 'b', 'd'], ['c']],
  ['crush_location=zone:a|rack:b', ['crush_location=zone:a|rack:b'], []],
])('%j belongs to the mounters that it names', (text, krbd, nbd) => {
  expect(parseMapOptions(text)).toEqual({ krbd, nbd });
});

test.each([
  'ceph:a',
  'krbd:a b',
  'a,,b',
  'nbd:',
  'krbd:key=AQ==',
  'nbd:keyfile=/etc/x',
  'a="b"',
  'secret=x',
  "a';reboot",
])('refuses %j', (text) => {
  expect(() => parseMapOptions(text)).toThrow(expect.objectContaining({ code: 'REQUEST_INVALID' }));
});
