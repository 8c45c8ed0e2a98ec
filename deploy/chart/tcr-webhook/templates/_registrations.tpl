{{/*
Which images are ours. The API server reads these expressions, and so does the
server, to find the hosts that they leave out (cmd/internal/registration).
*/}}

{{/* The hosts that are served beside those of TCR, as a JSON list. */}}
{{- define "tcr-webhook.customHosts" -}}
{{- $hosts := .Values.hosts -}}
{{- range .Values.config.registries -}}
{{- with .hosts -}}
{{- if kindIs "slice" . -}}
{{- $hosts = concat $hosts . -}}
{{- else -}}
{{- $hosts = concat $hosts (compact (list .public .private)) (default list .custom) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- $ours := list -}}
{{- range $hosts -}}
{{- if not (hasSuffix ".tencentcloudcr.com" .) -}}{{- $ours = append $ours . -}}{{- end -}}
{{- end -}}
{{- $ours | uniq | sortAlpha | toJson -}}
{{- end -}}

{{/* The pattern of images that are served. */}}
{{- define "tcr-webhook.servedPattern" -}}
{{- $hosts := list "[^/]+[.]tencentcloudcr[.]com" -}}
{{- range include "tcr-webhook.customHosts" . | fromJsonArray -}}
{{- $hosts = append $hosts (replace "." "[.]" .) -}}
{{- end -}}
{{- if eq (len $hosts) 1 -}}
(?i)^{{ first $hosts }}(:443)?/
{{- else -}}
(?i)^({{ join "|" $hosts }})(:443)?/
{{- end -}}
{{- end -}}

{{/*
The pattern of images under it that are not: the mirrors that Tencent runs for
everybody, and what it keeps in the Personal Edition for the cluster's own pods.
*/}}
{{- define "tcr-webhook.publicPattern" -}}
{{- $mirrors := "(quay|nvcr|market-tke|helmhub|superedge)[.]tencentcloudcr[.]com(:443)?/" -}}
{{- if contains ".ccs.tencentyun.com\"" (include "tcr-webhook.customHosts" .) -}}
(?i)^({{ $mirrors }}|[a-z]*ccr[.]ccs[.]tencentyun[.]com(:443)?/(tkeimages|library)/)
{{- else -}}
(?i)^{{ $mirrors }}
{{- end -}}
{{- end -}}

{{/* Whether what stands for an image, which the caller gives, names one of ours. */}}
{{- define "tcr-webhook.isOurs" -}}
{{- $root := index . 0 -}}
{{- $image := index . 1 -}}
{{ $image }}.matches('{{ include "tcr-webhook.servedPattern" $root }}')
&& !{{ $image }}.matches('{{ include "tcr-webhook.publicPattern" $root }}')
{{- end -}}

{{/*
Stops at the first image of ours, and goes through no list that is not there. A
pod without containers is sent with null for their list.
*/}}
{{- define "tcr-webhook.hasAnImageOfOurs" -}}
{{- $ofContainer := include "tcr-webhook.isOurs" (list . "c.?image.orValue('')") -}}
(optional.ofNonZeroValue(object.spec.?containers.orValue([])).orValue([]).exists(c, {{ $ofContainer }})
|| has(object.spec.initContainers) && object.spec.initContainers.exists(c, {{ $ofContainer }})
|| has(object.spec.ephemeralContainers) && object.spec.ephemeralContainers.exists(c, {{ $ofContainer }})
|| has(object.spec.volumes) && object.spec.volumes.exists(v, {{ include "tcr-webhook.isOurs" (list . "v.?image.?reference.orValue('')") }}))
{{- end -}}

{{/* A mirror pod stands for what a kubelet runs already. */}}
{{- define "tcr-webhook.notAMirrorPod" -}}
!('kubernetes.io/config.mirror' in object.metadata.?annotations.orValue({}))
{{- end -}}

{{/* Labels, finalizers and deletion never depend on us. */}}
{{- define "tcr-webhook.bringsAnImage" -}}
request.operation == 'CREATE'
|| optional.ofNonZeroValue(object.spec.?containers.orValue([])).orValue([]).map(c, c.?image.orValue('')) != optional.ofNonZeroValue(oldObject.spec.?containers.orValue([])).orValue([]).map(c, c.?image.orValue(''))
|| object.spec.?initContainers.orValue([]).map(c, c.?image.orValue('')) != oldObject.spec.?initContainers.orValue([]).map(c, c.?image.orValue(''))
|| object.spec.?ephemeralContainers.orValue([]).map(c, c.?image.orValue('')) != oldObject.spec.?ephemeralContainers.orValue([]).map(c, c.?image.orValue(''))
{{- end -}}

{{/* The namespaces whose pods are never blocked: names, and prefixes, each as a JSON list. */}}
{{- define "tcr-webhook.systemNames" -}}
{{- $names := list -}}
{{- range concat .Values.systemNamespaces .Values.extraSystemNamespaces -}}
{{- if not (hasSuffix "*" .) -}}{{- $names = append $names . -}}{{- end -}}
{{- end -}}
{{- $names | uniq | toJson -}}
{{- end -}}

{{- define "tcr-webhook.systemPrefixes" -}}
{{- $prefixes := list -}}
{{- range concat .Values.systemNamespaces .Values.extraSystemNamespaces -}}
{{- if hasSuffix "*" . -}}{{- $prefixes = append $prefixes (trimSuffix "*" .) -}}{{- end -}}
{{- end -}}
{{- $prefixes | uniq | toJson -}}
{{- end -}}

{{/* How the API server reaches us. Takes a list of the root and the path. */}}
{{- define "tcr-webhook.clientConfig" -}}
{{- $root := index . 0 -}}
service: {namespace: {{ include "tcr-webhook.namespace" $root }}, name: {{ include "tcr-webhook.fullname" $root }}, path: {{ index . 1 }}}
{{- end -}}

{{/* Selects by our label, which anybody may set, and by names. Takes a list of the root and of the names left out. */}}
{{- define "tcr-webhook.namespaceSelector" -}}
{{- $root := index . 0 -}}
{{- with $root.Values.webhooks.namespaceSelector.matchLabels -}}
matchLabels:
  {{- toYaml . | nindent 2 }}
{{ end -}}
matchExpressions:
- {key: tcr-webhook.io/inject, operator: NotIn, values: [disabled]}
- key: kubernetes.io/metadata.name
  operator: NotIn
  values:
  {{- range prepend (index . 1) (include "tcr-webhook.namespace" $root) | uniq }}
  - {{ . | quote }}
  {{- end }}
{{- with $root.Values.webhooks.namespaceSelector.matchExpressions }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "tcr-webhook.objectSelector" -}}
{{- with .Values.webhooks.objectSelector.matchLabels -}}
matchLabels:
  {{- toYaml . | nindent 2 }}
{{ end -}}
matchExpressions:
- {key: tcr-webhook.io/inject, operator: NotIn, values: [disabled]}
{{- with .Values.webhooks.objectSelector.matchExpressions }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "tcr-webhook.registrationMetadata" -}}
{{- $annotations := dict -}}
{{- if eq .Values.certs.mode "cert-manager" -}}
{{- $_ := set $annotations "cert-manager.io/inject-ca-from" (printf "%s/tcr-webhook" (include "tcr-webhook.namespace" .)) -}}
{{- end -}}
{{- include "tcr-webhook.metadata" (list . "server" (merge $annotations .Values.webhooks.annotations)) -}}
{{- end -}}
