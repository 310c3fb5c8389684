#!/bin/bash
# Makes or removes a kind cluster with the three images, Argo's controller and manifests/overlays/kind on it.
#
# Usage: kind.sh up|down
# Needs kind, kubectl and openssl, docker or podman (ENGINE), the images of `make images`, and a network that has kind's
# node image, Argo's release and its images. ARGO names another place of Argo's install.yaml, as a file.
set -euo pipefail
cd "$(dirname "$0")/../.."

ENGINE=${ENGINE:-docker}
VERSION=${VERSION:-0.1.0}
ARGO=${ARGO:-https://github.com/argoproj/argo-workflows/releases/download/v4.0.7/install.yaml}
NAME=roadworthy
export KUBECONFIG=$PWD/build/kind/kubeconfig
[ "$ENGINE" = docker ] || export KIND_EXPERIMENTAL_PROVIDER=$ENGINE

up() {
    mkdir -p "${KUBECONFIG%/*}"
    kind get clusters | grep -qx "$NAME" || kind create cluster --config tests/cluster/kind.yaml --kubeconfig "$KUBECONFIG"
    for image in analysis detector torch; do
        load "docker.io/roadworthy/$image:$VERSION" "roadworthy/$image:$VERSION"
    done
    kubectl get namespace argo >/dev/null 2>&1 || kubectl create namespace argo
    kubectl apply --server-side --namespace argo --filename "$ARGO"
    kubectl wait --for condition=Established --timeout 60s crd/workflows.argoproj.io crd/cronworkflows.argoproj.io
    kubectl apply --server-side --kustomize manifests/cluster
    secret
    kubectl apply --server-side --kustomize manifests/overlays/kind
    kubectl --namespace argo rollout status deployment/workflow-controller --timeout 600s
    kubectl --namespace roadworthy rollout status deployment/storage --timeout 600s
    echo "export KUBECONFIG=$KUBECONFIG"
}

# Podman names what it built localhost/…, which no pod asks for.
load() {
    archive=${KUBECONFIG%/*}/image.tar
    rm -f "$archive" # podman writes over none
    "$ENGINE" tag "$2" "$1"
    "$ENGINE" save --output "$archive" "$1"
    kind load image-archive "$archive" --name "$NAME"
    rm -f "$archive"
}

# The store's keys are made once, here; they are nobody's but this cluster's. From standard input, not as arguments.
secret() {
    kubectl --namespace roadworthy get secret roadworthy-storage >/dev/null 2>&1 && return
    printf '%s\n' AWS_ACCESS_KEY_ID=roadworthy "AWS_SECRET_ACCESS_KEY=$(openssl rand -hex 16)" AWS_REGION=us-east-1 \
        AWS_ENDPOINT_URL_S3=http://storage.roadworthy.svc:7070 |
        kubectl --namespace roadworthy create secret generic roadworthy-storage --from-env-file=/dev/stdin
}

down() {
    kind delete cluster --name "$NAME" --kubeconfig "$KUBECONFIG"
    rm -rf "${KUBECONFIG%/*}"
}

case ${1-} in
up | down) "$1" ;;
*) echo "expected up or down, found ${1:-nothing}" >&2 && exit 2 ;;
esac
