// The process that the script `pulumi-resource-kubernetes` starts.
import { main } from '@pulumi/pulumi/provider';
import { ClusterApi } from './cluster-api';
import { StandInProvider } from './provider';

main(new StandInProvider(new ClusterApi(process.env.KUBECONFIG ?? '')), process.argv.slice(2)).catch(
  (error: unknown) => {
    console.error(error);
    process.exitCode = 1;
  },
);
