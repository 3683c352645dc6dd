import { MemoryObjects } from '../../harness/memory-objects';
import { describeRadosObjects } from './rados-objects-conformance';

describeRadosObjects('in memory', async () => {
  const objects = new MemoryObjects();
  return {
    objects,
    others: new MemoryObjects(objects),
    write: async (object, text) => objects.write(object, Buffer.from(text)),
  };
});
