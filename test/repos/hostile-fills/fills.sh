# 1.5 GB at most.
mkdir -p node_modules
i=0
while [ $i -lt 150 ]; do
  head -c 10000000 /dev/zero >>node_modules/full
  i=$((i + 1))
  sleep 0.1
done
exit 1
