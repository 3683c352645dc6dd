// `cdk8s synth` runs this; the manifests land in the output directory of cdk8s.yaml.
import { App } from 'cdk8s';
import { declareFolders, writeFolders } from './folders';
import { delivery, namespace, storage } from './values';

const app = new App();
writeFolders(app.outdir, declareFolders(app, { namespace, storage, delivery }));
