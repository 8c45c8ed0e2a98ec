{{/* What the schema cannot tell. Each message names the value, what is wrong and what to do. */}}
{{- define "tcr-webhook.validate" -}}
{{- if and (not .Values.existingConfigMap) (not .Values.config.registries) }}
{{- fail "config.registries: names no registry; add at least one, such as --set config.registries[0].instance=tcr-m3ut3qxx, or name a ConfigMap of your own in existingConfigMap" }}
{{- end }}
{{- if and (not .Values.existingConfigMap) (not .Values.config.tencentCloud.region) }}
{{- fail "config.tencentCloud.region: is not given; set the region of the cluster and its instances, such as --set config.tencentCloud.region=ap-guangzhou" }}
{{- end }}
{{- if and .Values.config.nodeAgent.enabled (not .Values.nodeAgent.enabled) }}
{{- fail "config.nodeAgent.enabled: the server would write names for a node agent that is not there; set nodeAgent.enabled=true as well" }}
{{- end }}
{{- if lt (int .Values.terminationGracePeriodSeconds) (add (int .Values.drainSeconds) 10 | int) }}
{{- fail (printf "terminationGracePeriodSeconds: %d is too short to drain for drainSeconds (%d) and answer the last calls; set at least %d" (int .Values.terminationGracePeriodSeconds) (int .Values.drainSeconds) (add (int .Values.drainSeconds) 10)) }}
{{- end }}
{{- if and (eq .Values.certs.mode "cert-manager") (not (or (.Capabilities.APIVersions.Has "cert-manager.io/v1") .Values.certs.certManager.assumeInstalled)) }}
{{- fail "certs.mode: cert-manager is not installed in this cluster (no API cert-manager.io/v1); install it, or set certs.mode=self; where the chart is rendered without a cluster, set certs.certManager.assumeInstalled=true or pass --api-versions cert-manager.io/v1" }}
{{- end }}
{{- if has (int .Values.securePort) (list (int .Values.metrics.port) (int .Values.probes.port)) }}
{{- fail (printf "securePort: %d is metrics.port or probes.port as well; choose another" (int .Values.securePort)) }}
{{- end }}
{{- if eq (int .Values.metrics.port) (int .Values.probes.port) }}
{{- fail (printf "metrics.port: %d is probes.port as well; choose another" (int .Values.metrics.port)) }}
{{- end }}
{{- if and .Values.hostNetwork (eq (int .Values.securePort) 10250) }}
{{- fail "securePort: 10250 is the kubelet's on the node's network; choose another, such as 9443" }}
{{- end }}
{{- if not (or .Values.serviceAccount.create .Values.serviceAccount.name) }}
{{- fail "serviceAccount.name: is needed with serviceAccount.create=false; the ServiceAccount default must not get our rights" }}
{{- end }}
{{- if lt (int .Values.uninstall.timeoutSeconds) 30 }}
{{- fail "uninstall.timeoutSeconds: is too short to remove anything; set at least 30" }}
{{- end }}
{{- end -}}
