// `cdk8s synth` runs this; the manifests land in the output directory of cdk8s.yaml.
import { App } from 'cdk8s';
import { GitopsChart } from './chart';
import { namespace, storage } from './values';

const app = new App();
new GitopsChart(app, 'keyward', namespace, storage);
app.synth();
