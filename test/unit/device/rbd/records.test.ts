import { describeForeignRecords } from '../../../conformance/rbd-records/foreign-conformance';
import { memoryFixture } from '../../../conformance/rbd-records/memory-fixture';
import { describeRecordStore } from '../../../conformance/rbd-records/record-store-conformance';
import { describeRecords } from '../../../conformance/rbd-records/records-conformance';

describeRecords('in memory', async () => memoryFixture());
describeRecordStore('in memory', async () => memoryFixture());
describeForeignRecords('in memory', async () => memoryFixture());
