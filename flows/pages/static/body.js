// A trial's body and its skeleton in 3D; three.js is loaded when somebody asks for it.

const GROUND_M = 10; // from the middle to each edge, in squares of 1 m
const DISTANCE_M = 3.4;
const ABOVE_M = 0.5;
const NARROW_PX = 420; // a canvas that is narrower is seen from farther away

function ground(THREE) {
  const points = [];
  for (let line = -GROUND_M; line <= GROUND_M; line += 1) {
    for (let start = -GROUND_M; start < GROUND_M; start += 1) {
      points.push(line, 0, start, line, 0, start + 1, start, 0, line, start + 1, 0, line);
    }
  }
  const geometry = new THREE.BufferGeometry().setAttribute("position", new THREE.Float32BufferAttribute(points, 3));
  return new THREE.LineSegments(geometry, new THREE.LineBasicMaterial({ color: 0xb6bfc8 }));
}

// Only the nearest surface of a translucent body is drawn: without this, the inside of its mouth would be seen.
function depthOf(THREE, mesh) {
  const depth = new THREE.SkinnedMesh(mesh.geometry, new THREE.MeshBasicMaterial({ colorWrite: false, transparent: true }));
  depth.bind(mesh.skeleton, mesh.bindMatrix);
  depth.frustumCulled = false;
  depth.renderOrder = 1;
  mesh.renderOrder = 2;
  return depth;
}

// Draws the .glb at data-body into an element; resolves to its first time, its duration, and what moves it.
async function openBody({ THREE, GLTFLoader, OrbitControls }, canvas) {
  const renderer = new THREE.WebGLRenderer({ antialias: true });
  renderer.setPixelRatio(Math.min(window.devicePixelRatio, 2));
  renderer.domElement.tabIndex = 0;
  renderer.domElement.setAttribute("role", "img");
  renderer.domElement.setAttribute("aria-label", `${canvas.dataset.name}: drag to turn, scroll to zoom`);
  const scene = new THREE.Scene();
  scene.background = new THREE.Color(0xf6f8fa);
  scene.add(new THREE.HemisphereLight(0xffffff, 0x9aa3ab, 1.3), ground(THREE));
  const sun = new THREE.DirectionalLight(0xffffff, 1.4);
  sun.position.set(2, 4, 3);
  scene.add(sun);
  const camera = new THREE.PerspectiveCamera(35, 1, 0.05, 100);
  const controls = new OrbitControls(camera, renderer.domElement);
  controls.listenToKeyEvents(renderer.domElement);

  const file = await new GLTFLoader().loadAsync(canvas.dataset.body);
  const first = file.parser.json.asset.extras.first_time_s;
  const [clip] = file.animations;
  const mixer = new THREE.AnimationMixer(file.scene);
  const action = mixer.clipAction(clip);
  action.play();
  scene.add(file.scene);
  const meshes = { body: file.scene.getObjectByName("body"), skeleton: file.scene.getObjectByName("skeleton") };
  for (const mesh of Object.values(meshes)) mesh.frustumCulled = false; // its bounds are those at rest
  meshes.body.add(depthOf(THREE, meshes.body));
  const root = meshes.body.skeleton.bones[0];
  const last = new THREE.Vector3();

  const draw = () => renderer.render(scene, camera);
  const follow = () => {
    const moved = root.getWorldPosition(new THREE.Vector3()).sub(last);
    last.add(moved);
    controls.target.add(moved);
    camera.position.add(moved);
    controls.update();
  };
  const showAt = (time) => {
    action.time = Math.min(Math.max(time - first, 0), clip.duration);
    mixer.update(0);
    file.scene.updateMatrixWorld(true);
    follow();
    draw();
  };
  const look = (name) => {
    const distance = canvas.clientWidth < NARROW_PX ? 1.4 * DISTANCE_M : DISTANCE_M;
    controls.target.copy(last);
    camera.position.set(last.x + (name === "front" ? distance : 0), last.y + ABOVE_M, last.z + (name === "side" ? distance : 0));
    controls.update();
    draw();
  };
  const resize = () => {
    const width = canvas.clientWidth;
    const height = Math.min(Math.max(width * 0.5, 280), 480);
    renderer.setSize(width, height);
    camera.aspect = width / height;
    camera.updateProjectionMatrix();
    draw();
  };

  canvas.append(renderer.domElement);
  showAt(first);
  look("side");
  resize();
  controls.addEventListener("change", draw);
  window.addEventListener("resize", resize);
  const show = (name, isShown) => {
    meshes[name].visible = isShown;
    draw();
  };
  return { first, duration: clip.duration, showAt, look, show };
}

// Opens every body of a section when its button is pressed; resolves to the bodies, whose buttons work then.
export function bodiesOf(section, opened) {
  const button = section.querySelector("[data-open]");
  const status = section.querySelector("[data-status]");
  const canvases = [...section.querySelectorAll("[data-body]")];
  button.addEventListener("click", async () => {
    button.disabled = true;
    status.textContent = "loading";
    try {
      const three = await import("/static/three.js");
      for (const canvas of canvases) {
        canvas.hidden = false;
        canvas.replaceChildren();
      }
      const bodies = [];
      for (const canvas of canvases) bodies.push(await openBody(three, canvas)); // the server makes one at a time
      for (const view of section.querySelectorAll("[data-view]")) {
        view.addEventListener("click", () => bodies.forEach((body) => body.look(view.dataset.view)));
      }
      for (const box of section.querySelectorAll("[data-mesh]")) {
        box.addEventListener("change", () => bodies.forEach((body) => body.show(box.dataset.mesh, box.checked)));
      }
      button.hidden = true;
      section.querySelector("[data-controls]").hidden = false;
      status.textContent = "";
      opened(bodies);
    } catch (error) {
      button.disabled = false;
      status.textContent = `The 3D view cannot be shown: ${error.message}. It needs WebGL, and three.js from biopose assets pull.`;
    }
  });
}
