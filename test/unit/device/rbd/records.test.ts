import { describeForeignRecords } from '../../../conformance/rbd-records/foreign-conformance';
import { memoryFixture } from '../../../conformance/rbd-records/memory-fixture';
import { describeRecords } from '../../../conformance/rbd-records/records-conformance';

describeRecords('in memory', async () => memoryFixture());
describeForeignRecords('in memory', async () => memoryFixture());
