{{/* The name of the chart, as a label. */}}
{{- define "tcr-webhook.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{/* What objects are called. */}}
{{- define "tcr-webhook.fullname" -}}
{{- $name := include "tcr-webhook.name" . -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 52 | trimSuffix "-" -}}
{{- else if contains $name .Release.Name -}}
{{- .Release.Name | trunc 52 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 52 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "tcr-webhook.namespace" -}}
{{- default .Release.Namespace .Values.namespaceOverride -}}
{{- end -}}

{{/* What a selector names; it can never be changed. Takes a list of the root and the component. */}}
{{- define "tcr-webhook.selectorLabels" -}}
{{- $root := index . 0 -}}
app.kubernetes.io/name: {{ include "tcr-webhook.name" $root }}
app.kubernetes.io/instance: {{ $root.Release.Name }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end -}}

{{/* Takes a list of the root and the component. */}}
{{- define "tcr-webhook.labels" -}}
{{- $root := index . 0 -}}
{{ include "tcr-webhook.selectorLabels" . }}
app.kubernetes.io/part-of: tcr-webhook
app.kubernetes.io/managed-by: {{ $root.Release.Service }}
app.kubernetes.io/version: {{ $root.Chart.AppVersion | quote }}
helm.sh/chart: {{ printf "%s-%s" $root.Chart.Name $root.Chart.Version | replace "+" "_" }}
{{- with $root.Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* The labels of pods: none that a new version alone would change, and so restart them. */}}
{{- define "tcr-webhook.podLabels" -}}
{{- $root := index . 0 -}}
{{ include "tcr-webhook.selectorLabels" . }}
app.kubernetes.io/part-of: tcr-webhook
{{- with merge (dict) $root.Values.podLabels $root.Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/*
The labels and annotations of an object's metadata. Takes a list of the root, the
component, and annotations of its own.
*/}}
{{- define "tcr-webhook.metadata" -}}
{{- $root := index . 0 -}}
labels:
  {{- include "tcr-webhook.labels" (list $root (index . 1)) | nindent 2 }}
{{- with merge (dict) (index . 2) $root.Values.commonAnnotations }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{- define "tcr-webhook.serviceAccountName" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "tcr-webhook.fullname" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- default "default" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{/* Takes a list of the root and an image's values. */}}
{{- define "tcr-webhook.image" -}}
{{- $root := index . 0 -}}
{{- $image := index . 1 -}}
{{- with coalesce $root.Values.global.imageRegistry $image.registry -}}{{ . }}/{{- end -}}
{{- $image.repository -}}
{{- if $image.digest -}}@{{ $image.digest }}{{- else -}}:{{ default $root.Chart.AppVersion $image.tag }}{{- end -}}
{{- end -}}

{{/* The names of pull secrets for our own images, which we cannot serve ourselves. */}}
{{- define "tcr-webhook.imagePullSecrets" -}}
{{- $refs := list -}}
{{- range concat (default list .Values.global.imagePullSecrets) .Values.imagePullSecrets -}}
{{- $refs = append $refs (ternary (dict "name" .) . (kindIs "string" .)) -}}
{{- end -}}
{{- with uniq $refs -}}{{ toYaml . }}{{- end -}}
{{- end -}}

{{- define "tcr-webhook.configMapName" -}}
{{- default (printf "%s-config" (include "tcr-webhook.fullname" .)) .Values.existingConfigMap -}}
{{- end -}}

{{/* Whether the allow-list is registered, and how: Absent, Ignore or Fail. */}}
{{- define "tcr-webhook.policyRegistration" -}}
{{- if ne .Values.policyRegistration "Auto" -}}
{{- .Values.policyRegistration -}}
{{- else -}}
{{- $how := "Absent" -}}
{{- range (default dict .Values.config.policy).rules -}}
{{- if eq (default "Audit" .action) "Enforce" -}}{{- $how = "Fail" -}}{{- else if eq $how "Absent" -}}{{- $how = "Ignore" -}}{{- end -}}
{{- end -}}
{{- $how -}}
{{- end -}}
{{- end -}}

{{/* The Secrets with fixed logins, as a JSON list. */}}
{{- define "tcr-webhook.credentialSecrets" -}}
{{- $names := list -}}
{{- range .Values.config.registries -}}
{{- with .credentialSecret -}}{{- $names = append $names . -}}{{- end -}}
{{- end -}}
{{- $names | uniq | sortAlpha | toJson -}}
{{- end -}}

{{/* The folders of SecretKeys that entries name, as a JSON list. */}}
{{- define "tcr-webhook.credentialFolders" -}}
{{- $names := list -}}
{{- range .Values.config.registries -}}
{{- with .credentials -}}{{- $names = append $names . -}}{{- end -}}
{{- end -}}
{{- $names | uniq | sortAlpha | toJson -}}
{{- end -}}

{{/* Whether the server may change ServiceAccounts: "yes", or nothing. */}}
{{- define "tcr-webhook.onRequest" -}}
{{- if or (eq .Values.config.pullSecret.serviceAccounts "OnRequest") .Values.rbac.serviceAccounts -}}yes{{- end -}}
{{- end -}}
