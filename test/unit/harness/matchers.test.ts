class Coded extends Error {
  constructor(readonly code: string) {
    super(`failed with ${code}`);
  }
}
const throwing = (code: string) => () => {
  throw new Coded(code);
};

test('toThrowWithCode accepts a thrown error with that code', () => {
  expect(throwing('VOLUME_BUSY')).toThrowWithCode('VOLUME_BUSY');
  expect(throwing('VOLUME_BUSY')).not.toThrowWithCode('DEVICE_BUSY');
});

test('toThrowWithCode rejects another code and shows the error it got', () => {
  expect(() => expect(throwing('DEVICE_BUSY')).toThrowWithCode('VOLUME_BUSY')).toThrow(/failed with DEVICE_BUSY/);
});

test('toThrowWithCode rejects a function that returns and an error without a code', () => {
  expect(() => expect(() => undefined).toThrowWithCode('VOLUME_BUSY')).toThrow(/Nothing was thrown/);
  const plain = () => {
    throw new Error('plain');
  };
  expect(() => expect(plain).toThrowWithCode('VOLUME_BUSY')).toThrow(/undefined/);
});

test('toRejectWithCode takes a promise or a function that returns one', async () => {
  await expect(Promise.reject(new Coded('KMS_DENIED'))).toRejectWithCode('KMS_DENIED');
  await expect(async () => throwing('KMS_DENIED')()).toRejectWithCode('KMS_DENIED');
  await expect(Promise.reject(new Coded('KMS_DENIED'))).rejects.toThrowWithCode('KMS_DENIED');
});

test('toRejectWithCode rejects a promise that resolves', async () => {
  await expect(expect(Promise.resolve(1)).toRejectWithCode('KMS_DENIED')).rejects.toThrow(/Nothing was thrown/);
});
