// `cdk8s synth` runs this; the manifests land in the output directory of cdk8s.yaml.
import { App } from 'cdk8s';
import { declareFolders, writeFolders } from './folders';
import { declareApiServer, writeNodes } from './nodes';
import { apiServer, delivery, namespace, storage } from './values';

const app = new App();
const encryption = apiServer && declareApiServer(app, apiServer);
writeFolders(app.outdir, declareFolders(app, { namespace, storage, apiServer: encryption, delivery }));
if (encryption) writeNodes(app.outdir, encryption);
